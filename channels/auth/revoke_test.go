package auth_test

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/auth"
	"github.com/sluicehq/sluice/channels/sessions"
)

// sessionID returns the ID of a browser's session.
func (s *site) sessionID(t *testing.T) (id string) {
	t.Helper()
	s.visit(t, func(w http.ResponseWriter, r *http.Request) {
		sess, err := sessions.Load(r.Context())
		if err != nil {
			t.Fatal(err)
		}
		id = sess.ID()
	})
	return id
}

// A20, A28: what ends a login ends its sockets, at once, and no others.
func TestPush(t *testing.T) {
	tests := []struct {
		name            string
		end             func(t *testing.T, s *site)
		reason          string
		other, reload   bool // the other browser's socket of alice goes; alice can go on
		withoutSessions bool
	}{
		{name: "A20 logout", reason: "logged out", end: func(t *testing.T, s *site) { s.PostForm("/logout", nil) }},
		{name: "another login", reason: "another user logged in", end: func(t *testing.T, s *site) { logIn(t, s.Browser, "bob") }},
		{name: "RevokeSession", reason: "revoked", end: func(t *testing.T, s *site) {
			if err := s.gate.RevokeSession(t.Context(), s.sessionID(t)); err != nil {
				t.Error(err)
			}
		}},
		{name: "RevokeUser", reason: "revoked", other: true, end: func(t *testing.T, s *site) {
			if err := s.gate.RevokeUser(t.Context(), s.user(t, "alice").ID); err != nil {
				t.Error(err)
			}
		}},
		{name: "login as the same user", reload: true, end: func(t *testing.T, s *site) { logIn(t, s.Browser, "alice") }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, nil)
				var revoked []string
				s.gate.Revoked = func(_ context.Context, tag, reason string) { revoked = append(revoked, reason) }
				other, bob := s.NewBrowser(), s.NewBrowser()
				logIn(t, s.Browser, "alice")
				logIn(t, other, "alice")
				logIn(t, bob, "bob")
				one, two, three := s.Dial("/ws"), other.Dial("/ws"), bob.Dial("/ws")
				one.Want("alice")
				two.Want("alice")
				three.Want("bob")
				start := time.Now()
				tt.end(t, s)
				if tt.reload {
					one.Send("still here")
					one.Want("still here")
				} else if reason := one.WantClose(channels.StatusUnauthorized); reason != tt.reason {
					t.Errorf("close reason %q, want %q", reason, tt.reason)
				}
				if tt.other {
					two.WantClose(channels.StatusUnauthorized)
				} else {
					two.Send("still here")
					two.Want("still here")
				}
				three.Send("still here")
				three.Want("still here")
				if took := time.Since(start); took >= time.Second {
					t.Errorf("it took %v, want less than a second", took)
				}
				if want := !tt.reload; (len(revoked) == 1) != want {
					t.Errorf("the hook got %q", revoked)
				}
			})
		})
	}
}

// A revoked login does not come back, and a new one is good.
func TestRevokeUserThenLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // everything within one millisecond
		s := newSite(t, nil)
		logIn(t, s.Browser, "alice")
		if err := s.gate.RevokeUser(t.Context(), s.user(t, "alice").ID); err != nil {
			t.Fatal(err)
		}
		wantBody(t, s.Browser, "/whoami", "nobody")
		logIn(t, s.Browser, "alice")
		wantBody(t, s.Browser, "/whoami", "alice")
	})
}

// A22: a socket closes when its session ends, idle or busy.
func TestExpiry(t *testing.T) {
	tests := []struct {
		name           string
		lifetime, idle time.Duration
		want           time.Duration
	}{
		{"lifetime", time.Hour, 0, time.Hour},
		{"idle timeout", 24 * time.Hour, 30 * time.Minute, 30 * time.Minute},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, func(s *site) {
					s.sessions.Lifetime, s.sessions.IdleTimeout = tt.lifetime, tt.idle
				})
				logIn(t, s.Browser, "alice")
				idle, busy := s.Dial("/ws"), s.Dial("/ws")
				idle.Want("alice")
				busy.Want("alice")
				var work sync.WaitGroup
				defer work.Wait()
				work.Go(func() { // ends with its connection
					for busy.Write(t.Context(), channels.Text("x")) == nil {
						time.Sleep(time.Minute)
					}
				})
				start := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), 25*time.Hour)
				defer cancel()
				_, err := idle.Read(ctx)
				if took := time.Since(start).Round(time.Second); channels.CloseStatus(err) != channels.StatusUnauthorized || took != tt.want {
					t.Errorf("the idle one: %v after %v, want 3000 after %v", err, took, tt.want)
				}
				for err = nil; err == nil; {
					_, err = busy.Read(ctx)
				}
				if channels.CloseStatus(err) != channels.StatusUnauthorized {
					t.Errorf("the busy one: %v, want 3000", err)
				}
				wantBody(t, s.Browser, "/whoami", "nobody")
			})
		})
	}
}

// lost is a Revoker that reaches nobody.
type lost struct{}

func (lost) Disconnect(context.Context, string, string) error { return errors.New("no connection") }

// A23, A25: what a lost push leaves open, the next recheck closes.
func TestPull(t *testing.T) {
	tests := []struct {
		name string
		end  func(t *testing.T, s *site) error
		code channels.StatusCode
	}{
		{"A23 logout", func(t *testing.T, s *site) error { s.PostForm("/logout", nil); return nil }, channels.StatusUnauthorized},
		{"RevokeUser", func(t *testing.T, s *site) error {
			return s.gate.RevokeUser(t.Context(), s.user(t, "alice").ID)
		}, channels.StatusUnauthorized},
		{"RevokeSession", func(t *testing.T, s *site) error {
			return s.gate.RevokeSession(t.Context(), s.sessionID(t))
		}, channels.StatusUnauthorized},
		{"changed password", func(t *testing.T, s *site) error {
			_, err := s.users.SetPassword(t.Context(), s.user(t, "alice").ID, "another")
			return err
		}, channels.StatusUnauthorized},
		{"A25 deleted user", func(t *testing.T, s *site) error {
			s.users.Delete(s.user(t, "alice").ID)
			return nil
		}, channels.StatusUnauthorized},
		{"T13 inactive user", func(t *testing.T, s *site) error {
			return s.users.SetActive(s.user(t, "alice").ID, false)
		}, channels.StatusUnauthorized},
		{"nothing", func(t *testing.T, s *site) error { return nil }, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, func(s *site) { s.gate.Revoker = lost{} })
				bob := s.NewBrowser()
				logIn(t, s.Browser, "alice")
				logIn(t, bob, "bob")
				c, other := s.Dial("/ws"), bob.Dial("/ws")
				c.Want("alice")
				other.Want("bob")
				if err := tt.end(t, s); err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 67*time.Second)
				defer cancel()
				_, err := c.Read(ctx)
				if got := channels.CloseStatus(err); got != tt.code {
					t.Errorf("within the interval and its jitter: %v, want %v", err, tt.code)
				}
				other.Send("still here")
				other.Want("still here")
			})
		})
	}
}

// Two servers share users, a store and a layer: a logout on one closes the socket on
// the other; with the layer cut, a changed password does at the next recheck.
func TestTwoServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		layer := &cuttable{Layer: new(channels.MemoryLayer)}
		var users auth.MemoryUsers
		users.Passwords.Iterations = 10
		alice, err := users.SignUp(t.Context(), "alice", password)
		if err != nil {
			t.Fatal(err)
		}
		store, revocations := new(sessions.MemoryStore), new(auth.MemoryRevocations)
		newServer := func() *site {
			return newSite(t, func(s *site) {
				s.sessions.Store = store
				s.gate.Backends = []auth.Backend[auth.Account]{&users}
				s.gate.Revocations = revocations
				s.srv.Layer = layer
			})
		}
		one, two := newServer(), newServer()
		logIn(t, one.Browser, "alice")
		two.HTTP.Jar, two.Jar = one.Jar, one.Jar
		c := two.Dial("/ws")
		c.Want("alice")
		start := time.Now()
		one.PostForm("/logout", nil)
		if reason := c.WantClose(channels.StatusUnauthorized); reason != "logged out" {
			t.Errorf("close reason %q", reason)
		}
		if took := time.Since(start); took >= time.Second {
			t.Errorf("it took %v, want less than a second", took)
		}

		logIn(t, one.Browser, "alice")
		c = two.Dial("/ws")
		c.Want("alice")
		layer.cut()
		if _, err := users.SetPassword(t.Context(), alice.ID, "another"); err != nil {
			t.Fatal(err)
		}
		if err := one.gate.RevokeUser(t.Context(), alice.ID); err != nil {
			t.Errorf("RevokeUser: %v, want none: the recheck will do it", err)
		}
		c.Send("still here")
		c.Want("still here")
		start = time.Now()
		_, err = c.Read(t.Context())
		if took := time.Since(start); channels.CloseStatus(err) != channels.StatusUnauthorized || took > 66*time.Second {
			t.Errorf("%v after %v, want 3000 within a minute and its jitter", err, took)
		}
	})
}

// cuttable is a layer whose connection to the others can be cut.
type cuttable struct {
	channels.Layer
	mu   sync.Mutex
	down bool
}

func (c *cuttable) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.down = true
}

func (c *cuttable) Publish(ctx context.Context, topic string, msg []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.down {
		return errors.New("no connection")
	}
	return c.Layer.Publish(ctx, topic, msg)
}

// An anonymous socket of a session goes with the session, and is not rechecked.
func TestAnonymousSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil)
		setKeys(t, s, "cart", "apples")
		c := s.Dial("/ws")
		c.Want("nobody")
		time.Sleep(time.Hour)
		c.Send("still here")
		c.Want("still here")
		s.PostForm("/logout", nil)
		c.WantClose(channels.StatusUnauthorized)
	})
}

// A socket whose handler never asks for the user is held to the login all the same.
func TestSocketThatDoesNotAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, func(s *site) {
			s.mux.Handle("/quiet", s.srv.HandlerFunc(func(ctx context.Context, socket *channels.Socket) error {
				_, err := socket.Read(ctx)
				return err
			}))
		})
		logIn(t, s.Browser, "alice")
		c := s.Dial("/quiet")
		synctest.Wait()
		s.PostForm("/logout", nil)
		c.WantClose(channels.StatusUnauthorized)
	})
}

func TestMemoryRevocations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m auth.MemoryRevocations
		ctx, now := t.Context(), time.Now()
		m.Revoke(ctx, "session:short", now, now.Add(time.Minute))
		m.Revoke(ctx, "user:1", now, now.Add(time.Hour))
		m.Revoke(ctx, "user:1", now.Add(-time.Minute), now.Add(time.Hour)) // arrives late
		tags := []string{"session:short", "user:1", "user:2"}
		ended, err := m.Revoked(ctx, tags)
		if err != nil || len(ended) != 2 || !ended["user:1"].Equal(now) {
			t.Errorf("Revoked: %v, %v", ended, err)
		}
		time.Sleep(time.Minute)
		if ended, _ = m.Revoked(ctx, tags); len(ended) != 1 {
			t.Errorf("a minute later: %v", ended)
		}
		// R15: as many as ever come, the memory is bounded, and the latest are kept.
		for i := range 250_000 {
			m.Revoke(ctx, strconv.Itoa(i), now, now.Add(24*time.Hour))
		}
		ended, _ = m.Revoked(ctx, []string{"0", "149999", "150000", "249999"})
		if _, ok := ended["249999"]; !ok || len(ended) != 2 {
			t.Errorf("of 250,000: %v, want the last 100,000", ended)
		}
	})
}

// failing are Revocations that cannot be asked.
type failing struct{}

func (failing) Revoke(context.Context, string, time.Time, time.Time) error {
	return errors.New("down")
}

func (failing) Revoked(context.Context, []string) (map[string]time.Time, error) {
	return nil, errors.New("down")
}

func TestRevocationsFail(t *testing.T) {
	s := newSite(t, nil)
	logIn(t, s.Browser, "alice")
	gate := auth.Gate[auth.Account]{
		Backends:    []auth.Backend[auth.Account]{&s.users},
		Revocations: failing{}, Logger: quiet,
	}
	h := auth.Stack(&s.sessions, &gate)(s.mux)
	if got := serve(h, "GET", "/whoami", withCookie(cookie(t, s.Browser))); got != "503 Logging in is not possible at the moment." {
		t.Errorf("with a session: %s", got)
	}
	if err := gate.RevokeUser(t.Context(), "1"); !errors.Is(err, auth.ErrUnavailable) {
		t.Errorf("RevokeUser: %v, want ErrUnavailable", err)
	}
}
