package auth_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/auth"
	"github.com/sluicehq/sluice/channels/sessions"
)

// A22: a socket lives as long as its session, which HTTP requests extend, and which ends
// when they stop. In a cookie the server cannot see that it was extended.
func TestExtendedSession(t *testing.T) {
	for _, tt := range []struct {
		name     string
		idle     time.Duration
		interval time.Duration
		want     time.Duration // of the requests and the idle timeout after them
	}{
		{"seen at a recheck", 10 * time.Minute, time.Minute, 70 * time.Minute},
		{"seen when it would have ended", 30 * time.Second, time.Minute, time.Hour + 30*time.Second},
		{"seen although the interval is long", 10 * time.Minute, time.Hour, 70 * time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, func(s *site) {
					s.sessions.Store, s.sessions.IdleTimeout = new(sessions.MemoryStore), tt.idle
					s.gate.RecheckInterval = tt.interval
				})
				logIn(t, s.Browser, "alice")
				c := s.Dial("/ws")
				c.Want("alice")
				start := time.Now()
				var visits sync.WaitGroup
				visits.Go(func() { // ends after an hour
					for time.Since(start) < time.Hour {
						time.Sleep(tt.idle / 5)
						wantBody(t, s.Browser, "/whoami", "alice")
					}
				})
				_, err := c.Read(t.Context())
				// The last use that is recorded may be a tenth of the timeout old.
				took := time.Since(start)
				if channels.CloseStatus(err) != channels.StatusUnauthorized || took > tt.want+tt.idle/5 || took < tt.want-tt.idle/5 {
					t.Errorf("%v after %v, want 3000 after about %v", err, took, tt.want)
				}
				visits.Wait()
				wantBody(t, s.Browser, "/whoami", "nobody")
			})
		})
	}
}

// A token that ends earlier than the session is not extended with it.
func TestExtendedSessionAndToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTokenSite(t, func(s *site) {
			s.sessions.Store, s.sessions.IdleTimeout = new(sessions.MemoryStore), 10*time.Minute
		})
		start := time.Now()
		logIn(t, s.Browser, "alice")
		c := s.Dial("/ws", offer("chat", bearerProtocol("hour-token")))
		c.Want("alice")
		var visits sync.WaitGroup
		visits.Go(func() { // ends after two hours
			for time.Since(start) < 2*time.Hour {
				time.Sleep(2 * time.Minute)
				wantBody(t, s.Browser, "/whoami", "alice")
			}
		})
		_, err := c.Read(t.Context())
		if took := time.Since(start); channels.CloseStatus(err) != channels.StatusUnauthorized || took != time.Hour {
			t.Errorf("%v after %v, want 3000 after an hour", err, took)
		}
		visits.Wait()
	})
}

// A23: a session that another server has ended, and whose push was lost, is missed at the
// next recheck, although the servers share nothing but the store; also if it was renewed
// in between. The recheck is no use of the session, and a store that is down ends
// nothing.
func TestLostLogout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &flaky{MemoryStore: new(sessions.MemoryStore)}
		var users auth.MemoryUsers
		users.Passwords.Iterations = 10
		for _, name := range []string{"alice", "bob"} {
			if _, err := users.SignUp(t.Context(), name, password); err != nil {
				t.Fatal(err)
			}
		}
		newServer := func() *site {
			return newSite(t, func(s *site) {
				s.sessions.Store = store
				s.gate.Backends = []auth.Backend[auth.Account]{&users}
				s.gate.Revoker = lost{}
			})
		}
		one, two := newServer(), newServer()
		other := two.NewBrowser()
		logIn(t, other, "bob")
		bob := other.Dial("/ws")
		bob.Want("bob")
		for _, renewed := range []bool{false, true} {
			logIn(t, one.Browser, "alice")
			two.HTTP.Jar, two.Jar = one.Jar, one.Jar
			c := two.Dial("/ws")
			c.Want("alice")
			if renewed {
				logIn(t, one.Browser, "alice")
				time.Sleep(5 * time.Minute)
				c.Send("still here")
				c.Want("still here")
			}
			store.fail(errors.New("down"))
			time.Sleep(4 * time.Minute)
			c.Send("still here")
			c.Want("still here")
			store.fail(nil)
			one.PostForm("/logout", nil)
			start := time.Now()
			_, err := c.Read(t.Context())
			if took := time.Since(start); channels.CloseStatus(err) != channels.StatusUnauthorized || took > 67*time.Second {
				t.Errorf("renewed %v: %v after %v, want 3000 within a minute and its jitter", renewed, err, took)
			}
		}
		bob.Send("still here")
		bob.Want("still here")
	})
}

// A flaky store is down at times.
type flaky struct {
	*sessions.MemoryStore
	mu  sync.Mutex
	err error
}

func (f *flaky) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func (f *flaky) down() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

func (f *flaky) LoadMany(ctx context.Context, keys []string) (map[string][]byte, error) {
	if err := f.down(); err != nil {
		return nil, err
	}
	return f.MemoryStore.LoadMany(ctx, keys)
}
