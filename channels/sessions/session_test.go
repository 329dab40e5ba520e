package sessions_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/sessions"
)

// both runs a test with all data in the cookie, and with a store.
func both(t *testing.T, f func(t *testing.T, m *sessions.Manager)) {
	t.Helper()
	t.Run("cookie", func(t *testing.T) {
		f(t, &sessions.Manager{Keys: ring(t, "a"), Logger: new(logbook).logger()})
	})
	t.Run("store", func(t *testing.T) {
		f(t, &sessions.Manager{Store: &sessions.MemoryStore{}, Logger: new(logbook).logger()})
	})
}

func TestLoadWithoutManager(t *testing.T) {
	if _, err := sessions.Load(t.Context()); !isErr(err, sessions.ErrNoManager) {
		t.Errorf("C48: error %v, want ErrNoManager", err)
	}
	ctx := channels.ContextWithScope(t.Context(), channels.NewScope("chat", "192.0.2.1:1"))
	if _, err := sessions.Load(ctx); !isErr(err, sessions.ErrNoManager) {
		t.Errorf("C48: with a scope: error %v, want ErrNoManager", err)
	}
}

func checkRoundTrip[T any](t *testing.T, m *sessions.Manager, value T) {
	t.Helper()
	b := newBrowser(t, m)
	b.visit(func(s *sessions.Session) { set(t, s, "k", value) })
	b.visit(func(s *sessions.Session) {
		got, ok := sessions.Get[T](s, "k")
		if !ok {
			t.Errorf("%T: not found", value)
		}
		if diff := cmp.Diff(value, got); diff != "" {
			t.Errorf("%T (-want +got):\n%s", value, diff)
		}
	})
}

func TestValuesRoundTrip(t *testing.T) {
	type cart struct {
		Items []int
		Note  string
		At    time.Time
	}
	both(t, func(t *testing.T, m *sessions.Manager) {
		checkRoundTrip(t, m, "")
		checkRoundTrip(t, m, "plain")
		checkRoundTrip(t, m, `quotes " \ and <tags> & , } ] : é 世界 🎉`+"\n\x00\u2028")
		checkRoundTrip(t, m, 0)
		checkRoundTrip(t, m, -1)
		checkRoundTrip(t, m, int64(1)<<62)
		checkRoundTrip(t, m, uint8(255))
		checkRoundTrip(t, m, 3.25)
		checkRoundTrip(t, m, true)
		checkRoundTrip(t, m, false)
		checkRoundTrip(t, m, []string{"a", "b"})
		checkRoundTrip(t, m, map[string]int{"a": 1, "b": 2})
		checkRoundTrip(t, m, cart{[]int{1}, "x,y}", time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)})
		checkRoundTrip(t, m, &cart{Note: "pointer"})
		checkRoundTrip(t, m, json.RawMessage(`{"a":[1,2]}`))
	})
}

func TestKeysAreFree(t *testing.T) {
	both(t, func(t *testing.T, m *sessions.Manager) {
		keys := []string{" ", `"`, `\`, "a", "ä\n", "{", "\u2028", "🎉"}
		b := newBrowser(t, m)
		b.visit(func(s *sessions.Session) {
			for i, key := range keys {
				set(t, s, key, i)
			}
		})
		b.visit(func(s *sessions.Session) {
			if diff := cmp.Diff([]string{" ", `"`, `\`, "a", "{", "ä\n", "\u2028", "🎉"}, s.Keys()); diff != "" {
				t.Errorf("keys (-want +got):\n%s", diff)
			}
			for i, key := range keys {
				if got, ok := sessions.Get[int](s, key); !ok || got != i {
					t.Errorf("%q is %d, %v; want %d", key, got, ok, i)
				}
			}
		})
	})
}

func TestSetRefuses(t *testing.T) {
	both(t, func(t *testing.T, m *sessions.Manager) {
		b := newBrowser(t, m)
		deep := json.RawMessage(strings.Repeat("[", 64) + strings.Repeat("]", 64))
		b.visit(func(s *sessions.Session) {
			for _, tt := range []struct {
				name, key string
				value     any
			}{
				{"empty key", "", 1},
				{"key that is no UTF-8", "\xff", 1},
				{"channel", "k", make(chan int)},
				{"C35 deep", "k", deep},
				{"C35 invalid UTF-8", "k", json.RawMessage("\"\xff\"")},
			} {
				if err := s.Set(tt.key, tt.value); err == nil {
					t.Errorf("%s: no error", tt.name)
				}
			}
			for i := range 1024 {
				set(t, s, fmt.Sprint(i), 0)
			}
			if err := s.Set("one more", 0); !isErr(err, sessions.ErrTooLarge) {
				t.Errorf("C35: 1,025 keys: %v", err)
			}
			for i := range 1024 {
				s.Delete(fmt.Sprint(i))
			}
		})
		if b.set != "" {
			t.Errorf("something was saved: %q", b.set)
		}
	})
}

// What Get returned is the caller's, and what Set was given stays the caller's.
func TestValuesAreCopies(t *testing.T) {
	both(t, func(t *testing.T, m *sessions.Manager) {
		newBrowser(t, m).visit(func(s *sessions.Session) {
			list := []int{1, 2, 3}
			set(t, s, "k", list)
			list[0] = 99
			got, _ := sessions.Get[[]int](s, "k")
			got[1] = 99
			again, _ := sessions.Get[[]int](s, "k")
			if diff := cmp.Diff([]int{1, 2, 3}, again); diff != "" {
				t.Errorf("value (-want +got):\n%s", diff)
			}
		})
	})
}

// C25, C47: nothing is made or saved unless something was set.
func TestNoCookieWithoutChange(t *testing.T) {
	both(t, func(t *testing.T, m *sessions.Manager) {
		b := newBrowser(t, m)
		steps := []struct {
			name string
			f    func(s *sessions.Session)
			want bool
		}{
			{"read", func(s *sessions.Session) { sessions.Get[int](s, "k") }, false},
			{"delete nothing", func(s *sessions.Session) { s.Delete("k") }, false},
			{"set and delete", func(s *sessions.Session) { set(t, s, "k", 1); s.Delete("k") }, false},
			{"renew nothing", func(s *sessions.Session) { s.Renew() }, false},
			{"destroy nothing", func(s *sessions.Session) { s.Destroy() }, false},
			{"expiry of nothing", func(s *sessions.Session) { s.SetExpiry(time.Hour) }, false},
			{"save nothing", func(s *sessions.Session) {
				if err := s.Save(t.Context()); err != nil {
					t.Error(err)
				}
			}, false},
			{"set", func(s *sessions.Session) { set(t, s, "k", 1) }, true},
			{"read again", func(s *sessions.Session) { sessions.Get[int](s, "k") }, false},
			{"set to the same", func(s *sessions.Session) { set(t, s, "k", 1) }, false},
			{"there and back", func(s *sessions.Session) { set(t, s, "k", 2); set(t, s, "k", 1) }, false},
			{"out and in again", func(s *sessions.Session) { s.Delete("k"); set(t, s, "k", 1) }, false},
		}
		for _, step := range steps {
			if b.visit(step.f); (b.set != "") != step.want {
				t.Errorf("%s: Set-Cookie %q", step.name, b.set)
			}
		}
	})
}

// A change reaches the client or the store, whichever has the data.
func TestChangesAreSaved(t *testing.T) {
	both(t, func(t *testing.T, m *sessions.Manager) {
		b := newBrowser(t, m)
		b.setKey("a", "1")
		b.setKey("b", "2")
		b.visit(func(s *sessions.Session) { s.Delete("a"); set(t, s, "b", "3") })
		b.visit(func(s *sessions.Session) {
			if diff := cmp.Diff([]string{"b"}, s.Keys()); diff != "" {
				t.Errorf("keys (-want +got):\n%s", diff)
			}
		})
		if got := b.get("b"); got != "3" {
			t.Errorf("b is %q, want 3", got)
		}
		b.visit(func(s *sessions.Session) { s.Delete("b") })
		b.visit(func(s *sessions.Session) {
			if len(s.Keys()) > 0 || s.IsNew() {
				t.Errorf("an emptied session: keys %v, new %v", s.Keys(), s.IsNew())
			}
		})
	})
}

func TestIDAndIsNew(t *testing.T) {
	both(t, func(t *testing.T, m *sessions.Manager) {
		b := newBrowser(t, m)
		var first, second string
		b.visit(func(s *sessions.Session) {
			if s.ID() != "" || !s.IsNew() || !s.Expires().IsZero() {
				t.Errorf("before anything is set: ID %q, new %v, expires %v", s.ID(), s.IsNew(), s.Expires())
			}
			set(t, s, "k", 1)
			if first = s.ID(); len(first) != 26 || !s.IsNew() {
				t.Errorf("before it is saved: ID %q, new %v", first, s.IsNew())
			}
			if err := s.Save(t.Context()); err != nil || s.IsNew() {
				t.Errorf("after Save (%v): new %v", err, s.IsNew())
			}
		})
		b.visit(func(s *sessions.Session) {
			s.Renew()
			if s.ID() != first || s.IsNew() {
				t.Errorf("after Renew: ID %q, want %q", s.ID(), first)
			}
			s.Destroy()
			if s.ID() != "" || !s.IsNew() {
				t.Errorf("after Destroy: ID %q, new %v", s.ID(), s.IsNew())
			}
			set(t, s, "k", 1)
			if second = s.ID(); second == first || second == "" {
				t.Errorf("a new session has the ID %q, the old one %q", second, first)
			}
		})
		b.visit(func(s *sessions.Session) {
			if s.ID() != second {
				t.Errorf("ID %q, want %q", s.ID(), second)
			}
		})
	})
}

// C22, C24: Renew changes the token and keeps the data.
func TestRenew(t *testing.T) {
	both(t, func(t *testing.T, m *sessions.Manager) {
		b := newBrowser(t, m)
		b.setKey("cart", "full")
		planted := b.clone() // by whoever knew the token before
		b.visit(func(s *sessions.Session) {
			s.Renew()
			set(t, s, "user", "alice")
		})
		if b.cookie == planted.cookie {
			t.Error("C24: the same cookie")
		}
		if b.get("cart") != "full" || b.get("user") != "alice" {
			t.Errorf("after Renew: cart %q, user %q", b.get("cart"), b.get("user"))
		}
		if got := planted.get("user"); got != "" {
			t.Errorf("C22: the old cookie is %s's", got)
		}
		if got := planted.get("cart"); m.Store != nil && got != "" {
			t.Errorf("C22: the old token has a cart: %q", got)
		}
	})
}

// C20, C23: Destroy ends the session everywhere, and what follows is another one.
func TestDestroy(t *testing.T) {
	both(t, func(t *testing.T, m *sessions.Manager) {
		b := newBrowser(t, m)
		b.setKey("user", "alice")
		stolen := b.clone()
		b.visit(func(s *sessions.Session) { s.Destroy() })
		if b.cookie != "" || !strings.Contains(b.set, "Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/; HttpOnly; Secure") {
			t.Errorf("the browser is not told to forget: %q", b.set)
		}
		if got := stolen.get("user"); m.Store != nil && got != "" {
			t.Errorf("C20: a copy of the cookie is still %s's", got)
		}

		b.setKey("user", "alice")
		stolen = b.clone()
		b.visit(func(s *sessions.Session) {
			s.Destroy()
			if s.Keys(); len(s.Keys()) != 0 {
				t.Errorf("C23: data of the destroyed session: %v", s.Keys())
			}
			set(t, s, "user", "bob")
		})
		if got := b.get("user"); got != "bob" {
			t.Errorf("C23: user %q, want bob", got)
		}
		if got := stolen.get("user"); m.Store != nil && got != "" {
			t.Errorf("C23: the old session is still there: %q", got)
		}
		if store, ok := m.Store.(*sessions.MemoryStore); ok && store.Len() != 1 {
			t.Errorf("%d sessions in the store, want 1", store.Len())
		}
	})
}

// A forged cookie is cleared at a logout, like a good one.
func TestDestroyClearsForgedCookie(t *testing.T) {
	both(t, func(t *testing.T, m *sessions.Manager) {
		b := newBrowser(t, m)
		b.cookie = "forged"
		if b.visit(func(s *sessions.Session) { s.Destroy() }); b.cookie != "" {
			t.Errorf("the cookie is still there: %q", b.set)
		}
	})
}

// A saved change stays although the session is changed again, also by Reload.
func TestReloadBeforeTheHeader(t *testing.T) {
	both(t, func(t *testing.T, m *sessions.Manager) {
		b := newBrowser(t, m)
		reload := func(s *sessions.Session) {
			if err := s.Reload(t.Context()); err != nil {
				t.Error(err)
			}
		}
		b.visit(func(s *sessions.Session) {
			set(t, s, "k", "dropped")
			reload(s)
			if len(s.Keys()) > 0 || s.ID() != "" || !s.IsNew() {
				t.Errorf("Reload of a new session leaves %v", s.Keys())
			}
			set(t, s, "k", "saved")
			if err := s.Save(t.Context()); err != nil {
				t.Error(err)
			}
			set(t, s, "k", "dropped")
			s.SetExpiry(time.Minute)
			s.Renew()
			reload(s)
		})
		if !strings.Contains(b.set, "Max-Age=1209600") {
			t.Errorf("SetExpiry outlived Reload: %q", b.set)
		}
		if got := b.get("k"); got != "saved" {
			t.Errorf("k is %q, want saved", got)
		}
		b.visit(func(s *sessions.Session) {
			s.Destroy()
			reload(s)
			if len(s.Keys()) > 0 {
				t.Error("Reload took Destroy back")
			}
		})
		if b.cookie != "" {
			t.Error("Destroy did not outlive Reload")
		}
	})
}

// One session for all who ask, whatever the order, and no race.
func TestSessionIsConcurrent(t *testing.T) {
	both(t, func(t *testing.T, m *sessions.Manager) {
		b := newBrowser(t, m)
		b.setKey("k", "v")
		b.serve(func(w http.ResponseWriter, r *http.Request) {
			var wg sync.WaitGroup
			for i := range 8 {
				wg.Go(func() {
					s := load(t, r)
					set(t, s, fmt.Sprint(i), i)
					sessions.Get[string](s, "k")
					_, _, _, _ = s.Keys(), s.ID(), s.IsNew(), s.Expires()
					s.SetExpiry(time.Duration(i) * time.Hour)
					if err := s.Save(r.Context()); err != nil {
						t.Error(err)
					}
					s.Renew()
				})
			}
			wg.Wait()
		})
		b.visit(func(s *sessions.Session) {
			if got := len(s.Keys()); got != 9 {
				t.Errorf("%d keys, want 9: %v", got, s.Keys())
			}
		})
	})
}

// Two routers with the same Manager share the session; two Managers are a mistake.
func TestNestedManagers(t *testing.T) {
	both(t, func(t *testing.T, m *sessions.Manager) {
		b := newBrowser(t, m)
		b.serve(func(w http.ResponseWriter, r *http.Request) {
			outer := load(t, r)
			m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				inner := load(t, r)
				if inner != outer {
					t.Error("another session inside")
				}
				set(t, inner, "k", "v")
			})).ServeHTTP(w, r)
			defer func() {
				if recover() == nil {
					t.Error("no panic for a second Manager")
				}
			}()
			other := &sessions.Manager{Keys: ring(t, "b")}
			other.Handler(http.NotFoundHandler()).ServeHTTP(w, r)
		})
		if b.get("k") != "v" {
			t.Error("not saved")
		}
	})
}

// L8: no way of printing a session shows its token or values.
func TestSessionPrintsItsID(t *testing.T) {
	both(t, func(t *testing.T, m *sessions.Manager) {
		b := newBrowser(t, m)
		b.setKey("secret-key", "secret-value")
		b.visit(func(s *sessions.Session) {
			var log strings.Builder
			slog.New(slog.NewJSONHandler(&log, nil)).InfoContext(context.Background(), "x", "session", s)
			shown := log.String()
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
				shown += fmt.Sprintf(verb+" "+verb+"\n", s, struct{ S *sessions.Session }{s})
			}
			if !strings.Contains(shown, s.ID()) {
				t.Error("L8: the ID is not shown")
			}
			for _, hidden := range []string{"secret", b.cookie, b.cookie[:20]} {
				if strings.Contains(shown, hidden) {
					t.Errorf("L8: %q is shown", hidden)
				}
			}
		})
	})
}
