package sessions_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/channels/sessions"
)

// deadline returns when the session of a socket ends, as it is by now.
func deadline(t *testing.T, s *sessions.Session) time.Time {
	t.Helper()
	ends, err := sessions.Deadlines(t.Context(), []*sessions.Session{s})
	if err != nil || len(ends) != 1 {
		t.Fatalf("Deadlines: %v, %v", ends, err)
	}
	return ends[0]
}

// What requests do to a session is seen from its sockets, which do not use it.
func TestDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, m := newHooked()
		m.Lifetime, m.IdleTimeout = 24*time.Hour, 10*time.Minute
		b := newBrowser(t, m)
		b.setKey("who", "alice")
		s := b.acceptInMemory(t)
		for range 3 {
			time.Sleep(5 * time.Minute)
			deadline(t, s) // is no use of it
		}
		if got := deadline(t, s); !got.IsZero() {
			t.Errorf("a session that was not used for 15 minutes lives until %v", got)
		}

		b.setKey("who", "alice")
		s = b.acceptInMemory(t)
		start := time.Now()
		if got := deadline(t, s); !got.Equal(start.Add(10 * time.Minute)) {
			t.Errorf("ends after %v", got.Sub(start))
		}
		time.Sleep(9 * time.Minute)
		b.get("who")
		if got := deadline(t, s); !got.Equal(start.Add(19 * time.Minute)) {
			t.Errorf("after it was used: ends after %v, want 19m", got.Sub(start))
		}
		b.visit(func(s *sessions.Session) { s.Renew() })
		b.visit(func(s *sessions.Session) { s.Renew() })
		time.Sleep(2 * time.Minute)
		b.get("who")
		if got := deadline(t, s); !got.Equal(start.Add(21 * time.Minute)) {
			t.Errorf("after it was renewed twice, and used: ends after %v, want 21m", got.Sub(start))
		}
		if who, _ := sessions.Get[string](s, "who"); who != "alice" {
			t.Errorf("the session has changed under the socket: %q", who)
		}
		b.visit(func(s *sessions.Session) { s.Destroy() })
		if got := deadline(t, s); !got.IsZero() {
			t.Errorf("after the logout: %v", got)
		}
	})
}

// acceptInMemory is accept without a network.
func (b *browser) acceptInMemory(t *testing.T) (s *sessions.Session) {
	t.Helper()
	b.visit(func(loaded *sessions.Session) { s = loaded })
	return s
}

// Without a store the cookie's word is all there is.
func TestDeadlinesWithoutStore(t *testing.T) {
	m := &sessions.Manager{Keys: ring(t, "a")}
	b := newBrowser(t, m)
	b.setKey("k", "v")
	s := b.acceptInMemory(t)
	if got := deadline(t, s); !got.Equal(s.Expires()) || got.IsZero() || s.Stored() {
		t.Errorf("Deadlines: %v, want %v; stored: %v", got, s.Expires(), s.Stored())
	}
}

// A batcher is a store that counts its calls.
type batcher struct {
	*sessions.MemoryStore
	loads, most int
	err         error
}

func (b *batcher) Load(ctx context.Context, key string) ([]byte, uint64, error) {
	b.loads++
	return b.MemoryStore.Load(ctx, key)
}

func (b *batcher) LoadMany(ctx context.Context, keys []string) (map[string][]byte, error) {
	b.loads++
	b.most = max(b.most, len(keys))
	if b.err != nil {
		return nil, b.err
	}
	return b.MemoryStore.LoadMany(ctx, keys)
}

// Many are asked for at once, if the store can, and otherwise one by one; each gets its
// own answer.
func TestDeadlinesOfMany(t *testing.T) {
	const n = 1200
	batch := &batcher{MemoryStore: new(sessions.MemoryStore)}
	hooked, _ := newHooked()
	var calls []int
	for _, store := range []sessions.Store{batch, hooked} {
		m := &sessions.Manager{Store: store, Logger: new(logbook).logger()}
		list := make([]*sessions.Session, n)
		for i := range list {
			b := newBrowser(t, m)
			b.visit(func(s *sessions.Session) {
				s.SetExpiry(time.Duration(i+1) * time.Hour)
				set(t, s, "k", i)
			})
			list[i] = b.acceptInMemory(t)
			if i == 1034 {
				b.visit(func(s *sessions.Session) { s.Destroy() })
			}
		}
		batch.loads, hooked.keys = 0, nil
		ends, err := sessions.Deadlines(t.Context(), list)
		if err != nil {
			t.Fatal(err)
		}
		calls = append(calls, batch.loads+len(hooked.keys))
		for i, end := range ends {
			if i == 1034 && !end.IsZero() || i != 1034 && !end.Equal(list[i].Expires()) {
				t.Fatalf("%T: session %d ends at %v", store, i, end)
			}
		}
	}
	if got := fmt.Sprint(calls, batch.most); got != "[2 1200] 1000" {
		t.Errorf("calls of both stores, and most keys in one: %s, want [2 1200] 1000", got)
	}
	batch.err = errors.New("down")
	m := &sessions.Manager{Store: batch, Logger: new(logbook).logger()}
	b := newBrowser(t, m)
	b.setKey("k", "v")
	if _, err := sessions.Deadlines(t.Context(), []*sessions.Session{b.acceptInMemory(t)}); !isErr(err, sessions.ErrUnavailable) {
		t.Errorf("C43: a store that is down: %v, want ErrUnavailable", err)
	}
}
