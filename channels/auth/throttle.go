package auth

import (
	"context"
	"hash/maphash"
	"sync"
	"time"
)

// A Throttle limits how often credentials are tried. Account is the name that was
// given, in one form for all ways to write it, and empty without a name; addr is the
// client's address, of IPv6 its /64 network, and empty if unknown. Its methods may be
// called by several goroutines at once.
type Throttle interface {
	// Begin counts an attempt and returns 0, or returns how long to wait. An
	// error makes the login fail as unavailable.
	Begin(ctx context.Context, account, addr string) (wait time.Duration, err error)

	// Succeeded says that the attempt which was begun had the right credentials.
	Succeeded(ctx context.Context, account, addr string)
}

// A Rate allows Burst attempts at once, and one more after each Every. The zero value
// means the documented default; a negative Burst is no limit.
type Rate struct {
	Burst int
	Every time.Duration
}

// MemoryThrottle is a Throttle for one process, of a few MB at most. Attempts that
// succeed do not count. The zero value is ready.
//
// An account is never locked: whoever attacks it from one address is stopped at that
// address, and whoever attacks it from many cannot keep out its user, because an address
// that the user has logged in from is not held to PerAccount.
type MemoryThrottle struct {
	// PerAddress limits the attempts from one address. The default is 20, and
	// one more each 10 seconds.
	PerAddress Rate

	// PerPair limits the attempts from one address for one account. The default
	// is 5, and one more each 30 seconds.
	PerPair Rate

	// PerAccount limits the attempts for one account from all addresses that it
	// was not logged in from since the process started. The default is 50, and
	// one more each minute.
	PerAccount Rate

	once  sync.Once
	seed  maphash.Seed
	start time.Time

	mu    sync.Mutex                 // guards the fields below
	due   generations[time.Duration] // when a bucket is full again, since start
	known generations[struct{}]      // pairs that were right once
}

// The kinds of buckets.
const (
	byAddress = iota
	byPair
	byAccount
)

// A bucket is one of the limits that an attempt is held to: of burst tokens, of which
// one comes back after each every. It is stored as the time at which it will be full.
type bucket struct {
	key uint64
	Rate
}

// Begin implements [Throttle].
func (t *MemoryThrottle) Begin(_ context.Context, account, addr string) (time.Duration, error) {
	t.init()
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Since(t.start)
	buckets := t.buckets(account, addr)
	var wait time.Duration
	for _, b := range buckets {
		full, _ := t.due.get(b.key)
		wait = max(wait, full-now-time.Duration(b.Burst-1)*b.Every)
	}
	if wait > 0 {
		return wait, nil
	}
	for _, b := range buckets {
		full, _ := t.due.get(b.key)
		t.due.put(b.key, max(full, now)+b.Every)
	}
	return 0, nil
}

// Succeeded implements [Throttle].
func (t *MemoryThrottle) Succeeded(_ context.Context, account, addr string) {
	t.init()
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, b := range t.buckets(account, addr) {
		full, _ := t.due.get(b.key)
		t.due.put(b.key, full-b.Every)
	}
	if account != "" && addr != "" {
		t.known.put(t.key(byPair, account, addr), struct{}{})
	}
}

func (t *MemoryThrottle) init() {
	t.once.Do(func() { t.seed, t.start = maphash.MakeSeed(), time.Now() })
}

// buckets returns what an attempt is held to.
func (t *MemoryThrottle) buckets(account, addr string) []bucket {
	list := make([]bucket, 0, 3)
	add := func(key uint64, r, fallback Rate) {
		if r == (Rate{}) {
			r = fallback
		}
		if r.Burst >= 0 {
			list = append(list, bucket{key, Rate{max(r.Burst, 1), max(r.Every, 1)}})
		}
	}
	if addr != "" {
		add(t.key(byAddress, "", addr), t.PerAddress, Rate{20, 10 * time.Second})
	}
	if account == "" {
		return list
	}
	pair := t.key(byPair, account, addr)
	add(pair, t.PerPair, Rate{5, 30 * time.Second})
	if _, ok := t.known.get(pair); !ok {
		add(t.key(byAccount, account, ""), t.PerAccount, Rate{50, time.Minute})
	}
	return list
}

func (t *MemoryThrottle) key(kind int, account, addr string) uint64 {
	return maphash.Comparable(t.seed, struct {
		kind          int
		account, addr string
	}{kind, account, addr})
}

// generations are a map of bounded size that forgets what was not used for long: when
// the young half is full it becomes the old one, and the old is dropped.
type generations[V any] struct{ young, old map[uint64]V }

const maxGeneration = 50_000

func (g *generations[V]) get(key uint64) (V, bool) {
	if v, ok := g.young[key]; ok {
		return v, true
	}
	v, ok := g.old[key]
	return v, ok
}

func (g *generations[V]) put(key uint64, v V) {
	if g.young == nil || len(g.young) >= maxGeneration {
		g.old, g.young = g.young, make(map[uint64]V)
	}
	g.young[key] = v
}
