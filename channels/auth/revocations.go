package auth

import (
	"context"
	"sync"
	"time"
)

// Revocations remembers what was ended before its time, under the tags of [UserTag]
// and [SessionTag]. It is asked whenever a login is loaded, and at every recheck.
// The interface has standard types only. Its methods may be called by several
// goroutines at once.
type Revocations interface {
	// Revoke notes that what tag stands for was ended at a time. The note may be
	// forgotten after until. Of two with the same tag the later at is kept.
	Revoke(ctx context.Context, tag string, at, until time.Time) error

	// Revoked returns those of tags, at most 2,000, that were ended, and when, to
	// the millisecond. The map is the caller's, and may be nil.
	Revoked(ctx context.Context, tags []string) (map[string]time.Time, error)
}

// MemoryRevocations are Revocations for one process: a restart forgets them, and what
// was ended before is good again until it expires by itself, if it is a signed
// cookie. The zero value is ready. It holds up to 100,000 notes for as long as they
// matter and forgets the oldest of more, about 20 MB.
type MemoryRevocations struct {
	mu     sync.Mutex // guards the fields below
	notes  map[string]note
	oldest []string // in the order in which they were made, from next on
	next   int
}

type note struct{ at, until time.Time }

const maxNotes = 100_000

// Revoke implements [Revocations].
func (m *MemoryRevocations) Revoke(_ context.Context, tag string, at, until time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.notes == nil {
		m.notes = make(map[string]note)
	}
	present, ok := m.notes[tag]
	if !ok {
		m.makeRoom(at)
		m.oldest = append(m.oldest, tag)
	}
	if !ok || !at.Before(present.at) {
		m.notes[tag] = note{at, until}
	}
	return nil
}

// makeRoom forgets what no longer matters at the front, and one that does if there
// are too many.
func (m *MemoryRevocations) makeRoom(now time.Time) {
	for m.next < len(m.oldest) {
		tag := m.oldest[m.next]
		if len(m.notes) < maxNotes && m.notes[tag].until.After(now) {
			break
		}
		delete(m.notes, tag)
		m.oldest[m.next] = ""
		m.next++
	}
	if m.next > len(m.oldest)/2 {
		m.oldest = append(m.oldest[:0], m.oldest[m.next:]...)
		m.next = 0
	}
}

// Revoked implements [Revocations].
func (m *MemoryRevocations) Revoked(_ context.Context, tags []string) (map[string]time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.notes) == 0 {
		return nil, nil
	}
	var ended map[string]time.Time
	now := time.Now()
	for _, tag := range tags {
		if n, ok := m.notes[tag]; ok && now.Before(n.until) {
			if ended == nil {
				ended = make(map[string]time.Time)
			}
			ended[tag] = n.at
		}
	}
	return ended, nil
}

// ends is Revoked for one login, which makes no garbage.
func (m *MemoryRevocations) ends(userID, sessionID string, since moment) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.notes) == 0 {
		return false
	}
	now := time.Now()
	var buf [128]byte
	if sessionID != "" {
		n, ok := m.notes[string(append(append(buf[:0], sessionPrefix...), sessionID...))]
		if ok && now.Before(n.until) {
			return true
		}
	}
	n, ok := m.notes[string(append(append(buf[:0], userPrefix...), userID...))]
	return ok && now.Before(n.until) && endedAt(n.at, since)
}
