package sessions

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// A MemoryStore is a [Store] in this process: for one server, whose restart ends
// every session. The zero value is ready. It runs no goroutine: what has expired
// makes room when something is saved.
type MemoryStore struct {
	// MaxBytes bounds the memory, keys and bookkeeping included. 0 means 64 MiB,
	// some 100,000 small sessions. One that does not fit is refused, so that
	// nobody is logged out because others log in; and the session's response is
	// a 503.
	MaxBytes int

	mu      sync.Mutex // guards the fields below
	rows    map[string]*memoryRow
	expiry  expiryHeap
	size    int
	version uint64 // the last one given: none is given twice
}

type memoryRow struct {
	key     string
	data    []byte
	version uint64
	expires time.Time
	index   int // in the heap
}

const (
	defaultMaxBytes = 64 << 20

	// rowOverhead is what a row takes beside its data and key: the struct, its
	// places in the map and the heap.
	rowOverhead = 160
)

func (r *memoryRow) size() int { return rowOverhead + len(r.key) + len(r.data) }

var errFull = errors.New("sessions: MemoryStore is full")

// A conflictError is what a store of this package returns for a conflict.
type conflictError string

func (e conflictError) Error() string { return "sessions: store: " + string(e) }

// Conflict is what the Manager looks for.
func (e conflictError) Conflict() bool { return true }

const (
	errExists  = conflictError("it exists already")
	errGone    = conflictError("it does not exist any more")
	errChanged = conflictError("it has another version")
)

// Load implements [Store].
func (m *MemoryStore) Load(_ context.Context, key string) ([]byte, uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	row := m.live(key, time.Now())
	if row == nil {
		return nil, 0, nil
	}
	return slices.Clone(row.data), row.version, nil
}

// LoadMany implements [BatchStore].
func (m *MemoryStore) LoadMany(_ context.Context, keys []string) (map[string][]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	found := make(map[string][]byte, len(keys))
	for _, key := range keys {
		if row := m.live(key, now); row != nil {
			found[key] = row.data // which is replaced, not changed
		}
	}
	return found, nil
}

// Save implements [Store].
func (m *MemoryStore) Save(_ context.Context, key string, data []byte, version uint64, expires time.Time) (uint64, error) {
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.expire(now)
	row := m.live(key, now)
	switch {
	case version == 0 && row != nil:
		return 0, errExists
	case version != 0 && row == nil:
		return 0, errGone
	case version != 0 && row.version != version:
		return 0, errChanged
	}
	next := &memoryRow{key: key, data: slices.Clone(data), expires: expires}
	grow := next.size()
	if row != nil {
		grow -= row.size()
	}
	if grow > 0 && m.size+grow > m.maxBytes() {
		return 0, fmt.Errorf("%w: %d bytes of at most %d", errFull, m.size, m.maxBytes())
	}
	if row != nil {
		m.remove(row)
	}
	m.version++
	next.version = m.version
	if m.rows == nil {
		m.rows = make(map[string]*memoryRow)
	}
	m.rows[key] = next
	m.size += next.size()
	heap.Push(&m.expiry, next)
	return next.version, nil
}

// Delete implements [Store].
func (m *MemoryStore) Delete(_ context.Context, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if row := m.rows[key]; row != nil {
		m.remove(row)
	}
	return nil
}

// Len returns the number of sessions that have not expired, and of the places that
// renewed ones have left.
func (m *MemoryStore) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.expire(time.Now())
	return len(m.rows)
}

// Format prints the number of sessions and none of their data.
func (m *MemoryStore) Format(f fmt.State, _ rune) { fmt.Fprint(f, "MemoryStore(", m.Len(), ")") }

func (m *MemoryStore) maxBytes() int {
	if m.MaxBytes > 0 {
		return m.MaxBytes
	}
	return defaultMaxBytes
}

// live returns the row of a key unless it has expired.
func (m *MemoryStore) live(key string, now time.Time) *memoryRow {
	row := m.rows[key]
	if row == nil || !now.Before(row.expires) {
		return nil
	}
	return row
}

// expire removes what has expired.
func (m *MemoryStore) expire(now time.Time) {
	for len(m.expiry) > 0 && !now.Before(m.expiry[0].expires) {
		m.remove(m.expiry[0])
	}
}

func (m *MemoryStore) remove(row *memoryRow) {
	heap.Remove(&m.expiry, row.index)
	delete(m.rows, row.key)
	m.size -= row.size()
}

// An expiryHeap has the row that expires next on top.
type expiryHeap []*memoryRow

func (h expiryHeap) Len() int           { return len(h) }
func (h expiryHeap) Less(i, j int) bool { return h[i].expires.Before(h[j].expires) }

func (h expiryHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *expiryHeap) Push(x any) {
	row := x.(*memoryRow)
	row.index = len(*h)
	*h = append(*h, row)
}

func (h *expiryHeap) Pop() any {
	old := *h
	row := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return row
}
