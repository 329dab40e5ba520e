package sessions

import (
	"context"
	"encoding/json"
	"time"
)

// A BatchStore is a [Store] that can load many sessions at once: for the recheck of
// open sockets, which otherwise asks for one after the other. [MemoryStore] and that of
// package sqlstore are such; wstest.TestStore checks it.
type BatchStore interface {
	Store

	// LoadMany returns what Load would of those of keys, at most 1,000, that there
	// is something under, by key. The map is the caller's.
	LoadMany(ctx context.Context, keys []string) (map[string][]byte, error)
}

const (
	// maxBatch is how many sessions a BatchStore is asked for at once.
	maxBatch = 1000

	// maxMoves is how often a session may have been renewed under a socket.
	maxMoves = 100
)

// Deadlines returns when sessions end, as it is by now: in a [Store], requests may have
// put it off, or have ended the session, whose time is then zero. So a socket's session
// can be looked after for as long as it is open. Nothing is recorded as a use, and
// nothing that the sessions hold is changed: a session that was renewed is followed here,
// although to the holder of the old token it is ended. Of a session that is all in a
// cookie it is what [Session.Expires] says.
func Deadlines(ctx context.Context, list []*Session) ([]time.Time, error) {
	ends := make([]time.Time, len(list))
	left := make(map[*rules][]place)
	for i, s := range list {
		if s.stored == nil {
			ends[i] = s.Expires()
			continue
		}
		s.mu.Lock()
		key := s.stored.key
		s.mu.Unlock()
		if key != "" {
			left[s.rules] = append(left[s.rules], place{key, i})
		}
	}
	for rules, places := range left {
		for n := 0; len(places) > 0 && n < maxMoves; n++ {
			var err error
			if places, err = rules.deadlines(ctx, places, ends); err != nil {
				return nil, err
			}
		}
	}
	return ends, nil
}

// A place is where the session with an index is kept.
type place struct {
	key   string
	index int
}

// deadlines looks at some places, and returns those where a session has moved to.
func (r *rules) deadlines(ctx context.Context, places []place, ends []time.Time) (moved []place, err error) {
	now := time.Now().Unix()
	for len(places) > 0 {
		n := min(len(places), maxBatch)
		found, err := r.loadMany(ctx, places[:n])
		if err != nil {
			return nil, unavailable("load", err)
		}
		for _, p := range places[:n] {
			var at record
			data, ok := found[p.key]
			switch {
			case !ok || !at.parseStored(data):
			case at.mode == modeEnded:
				raw, _ := find(at.values, keyMoved)
				var key string
				if json.Unmarshal([]byte(raw), &key) == nil {
					moved = append(moved, place{key, p.index})
				}
			case at.alive(now, r.idle):
				ends[p.index] = time.Unix(at.expires(r.idle), 0)
			}
		}
		places = places[n:]
	}
	return moved, nil
}

func (r *rules) loadMany(ctx context.Context, places []place) (map[string][]byte, error) {
	if batch, ok := r.store.(BatchStore); ok {
		keys := make([]string, len(places))
		for i, p := range places {
			keys[i] = p.key
		}
		return batch.LoadMany(ctx, keys)
	}
	found := make(map[string][]byte, len(places))
	for _, p := range places {
		data, version, err := r.store.Load(ctx, p.key)
		if err != nil {
			return nil, err
		}
		if version != 0 {
			found[p.key] = data
		}
	}
	return found, nil
}

// Stored reports whether sessions such as this one are kept in a [Store].
func (s *Session) Stored() bool { return s.rules.store != nil }
