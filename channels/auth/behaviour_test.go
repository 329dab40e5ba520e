package auth_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/auth"
	"github.com/sluicehq/sluice/channels/sessions"
)

// A journal notes what the hooks of a gate are told.
type journal struct{ lines []string }

func (j *journal) note(g *auth.Gate[auth.Account]) {
	g.LoggedIn = func(_ context.Context, u auth.Account) { j.lines = append(j.lines, "in "+u.Name) }
	g.LoggedOut = func(_ context.Context, id string) { j.lines = append(j.lines, "out "+id) }
}

func (j *journal) want(t *testing.T, lines ...string) {
	t.Helper()
	if diff := cmp.Diff(lines, j.lines); diff != "" {
		t.Errorf("hooks (-want +got):\n%s", diff)
	}
	j.lines = nil
}

// visit serves one request with f, behind the site's gate.
func (s *site) visit(t *testing.T, f func(w http.ResponseWriter, r *http.Request)) *http.Response {
	t.Helper()
	s.handler = f
	resp, _ := s.Get("/visit")
	s.handler = nil
	return resp
}

// keys returns the keys of the session.
func keys(t *testing.T, r *http.Request) []string {
	t.Helper()
	sess, err := sessions.Load(r.Context())
	if err != nil {
		t.Fatal(err)
	}
	return sess.Keys()
}

// userKey returns the user that the session names.
func userKey(t *testing.T, r *http.Request) string {
	t.Helper()
	sess, err := sessions.Load(r.Context())
	if err != nil {
		t.Fatal(err)
	}
	login, _ := sessions.Get[string](sess, "auth.login")
	return login[strings.LastIndexByte(login, ' ')+1:]
}

// setField changes a field of the login in a session: 0 when it was made, 1 the stamp, 2
// the backend, 3 the user.
func setField(t *testing.T, sess *sessions.Session, i int, value string) {
	t.Helper()
	login, _ := sessions.Get[string](sess, "auth.login")
	fields := strings.SplitN(login, " ", 4)
	fields[i] = value
	if err := sess.Set("auth.login", strings.Join(fields, " ")); err != nil {
		t.Fatal(err)
	}
}

// What the users of Django Channels expect of logging in and out, by the rows of the
// checklist of its behaviour.
func TestChannelsBehaviour(t *testing.T) {
	var log journal
	s := newSite(t, func(s *site) { log.note(&s.gate) })
	alice, bob := s.user(t, "alice"), s.user(t, "bob")
	login := func(user auth.Account) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, r *http.Request) {
			if err := s.gate.Login(w, r, user); err != nil {
				t.Error(err)
			}
			if got := name(r.Context()); got != user.Name {
				t.Errorf("A5 after Login the user is %s, want %s", got, user.Name)
			}
		}
	}
	logout := func(w http.ResponseWriter, r *http.Request) {
		if err := s.gate.Logout(w, r); err != nil {
			t.Error(err)
		}
		if got := name(r.Context()); got != "nobody" {
			t.Errorf("A15 after Logout the user is %s", got)
		}
	}

	t.Run("A2 nobody to log in", func(t *testing.T) {
		s.visit(t, func(w http.ResponseWriter, r *http.Request) {
			if err := s.gate.Login(w, r, auth.Account{}); err == nil {
				t.Error("Login of nobody is no error")
			}
		})
		log.want(t)
	})
	t.Run("A3 A4 an empty session", func(t *testing.T) {
		s.visit(t, func(w http.ResponseWriter, r *http.Request) {
			if got := name(r.Context()); got != "nobody" {
				t.Errorf("the user is %s", got)
			}
			if got := keys(t, r); len(got) > 0 {
				t.Errorf("the session has %v", got)
			}
		})
	})
	t.Run("A17 A18 logout of nobody", func(t *testing.T) {
		s.visit(t, logout)
		log.want(t)
	})
	t.Run("A5 A8 login", func(t *testing.T) {
		s.visit(t, login(alice))
		log.want(t, "in alice")
	})
	t.Run("A6 A7 the session alone", func(t *testing.T) {
		s.visit(t, func(w http.ResponseWriter, r *http.Request) {
			sess, err := sessions.Load(r.Context())
			if err != nil {
				t.Fatal(err)
			}
			// The three things of Channels' session, and the time, in one key.
			login, _ := sessions.Get[string](sess, "auth.login")
			fields := strings.Split(login, " ")
			if len(fields) != 4 || len(fields[1]) != 22 || fields[2] != "auth.MemoryUsers" || fields[3] != alice.ID {
				t.Errorf("the session has %q", login)
			}
			user, ok := auth.User[auth.Account](r.Context())
			if !ok || user != alice {
				t.Errorf("the user is %v, %v, want %v", user, ok, alice)
			}
		})
		log.want(t)
	})
	t.Run("A11 A12 A13 another user", func(t *testing.T) {
		s.visit(t, login(bob))
		log.want(t, "in bob")
		s.visit(t, func(w http.ResponseWriter, r *http.Request) {
			if got := userKey(t, r); got != bob.ID {
				t.Errorf("the session is of %s, want %s", got, bob.ID)
			}
			if got := name(r.Context()); got != "bob" {
				t.Errorf("the user is %s", got)
			}
		})
	})
	t.Run("A14 A15 A16 logout", func(t *testing.T) {
		s.visit(t, logout)
		log.want(t, "out "+bob.ID)
		s.visit(t, func(w http.ResponseWriter, r *http.Request) {
			if got := keys(t, r); len(got) > 0 {
				t.Errorf("the session has %v", got)
			}
		})
		wantBody(t, s.Browser, "/whoami", "nobody")
	})
	t.Run("A9 A10 a user in the scope", func(t *testing.T) {
		s.visit(t, func(w http.ResponseWriter, r *http.Request) {
			ctx := auth.WithUser(r.Context(), alice)
			if got := name(ctx); got != "alice" {
				t.Errorf("the user is %s", got)
			}
			if got := keys(t, r); len(got) > 0 {
				t.Errorf("the session has %v before the login", got)
			}
		})
		wantBody(t, s.Browser, "/whoami", "nobody") // unlike Channels, the user counts; like it, for this request
		s.visit(t, func(w http.ResponseWriter, r *http.Request) {
			user, _ := auth.User[auth.Account](auth.WithUser(r.Context(), alice))
			if err := s.gate.Login(w, r, user); err != nil {
				t.Error(err)
			}
		})
		wantBody(t, s.Browser, "/whoami", "alice")
		log.want(t, "in alice")
	})
	t.Run("A20 a user without a password", func(t *testing.T) {
		// Login asks for a user, not for the way of authentication.
		s.visit(t, login(bob))
		wantBody(t, s.Browser, "/whoami", "bob")
	})
}

// A1, X10, X17: without sessions it says what to put around the handler.
func TestWithoutSessions(t *testing.T) {
	var users auth.MemoryUsers
	gate := auth.Gate[auth.Account]{Backends: []auth.Backend[auth.Account]{&users}, Logger: quiet}
	ctx := auth.WithNobody[auth.Account](t.Context())
	r, err := http.NewRequestWithContext(ctx, "GET", "/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := gate.Login(nil, r, auth.Account{ID: "1"}); !errors.Is(err, sessions.ErrNoManager) {
		t.Errorf("Login: %v, want ErrNoManager", err)
	}
	if err := gate.Logout(nil, r); !errors.Is(err, sessions.ErrNoManager) {
		t.Errorf("Logout: %v, want ErrNoManager", err)
	}
	r, _ = http.NewRequest("GET", "/", nil)
	h := gate.Handler(http.HandlerFunc(whoami))
	if got := panicOf(func() { h.ServeHTTP(nil, r) }); !strings.Contains(got, "auth.Stack") {
		t.Errorf("panic %q, want one that names auth.Stack", got)
	}
	if err := gate.Login(nil, r, auth.Account{ID: "1"}); !errors.Is(err, auth.ErrNoConnection) {
		t.Errorf("Login in no scope: %v, want ErrNoConnection", err)
	}
	if err := gate.Logout(nil, r); !errors.Is(err, auth.ErrNoConnection) {
		t.Errorf("Logout in no scope: %v, want ErrNoConnection", err)
	}
}

// panicOf returns the text that f panics with.
func panicOf(f func()) (text string) {
	defer func() { text, _ = recover().(string) }()
	f()
	return ""
}

func TestNilHandlerPanicsAtOnce(t *testing.T) {
	gate := &auth.Gate[auth.Account]{Backends: []auth.Backend[auth.Account]{new(auth.MemoryUsers)}}
	if got, want := panicOf(func() { gate.Handler(nil) }), "auth: Gate.Handler: the handler is nil"; got != want {
		t.Errorf("panic %q, want %q", got, want)
	}
}

// A19: all of it works with a context alone, without a server.
func TestBareScope(t *testing.T) {
	var users auth.MemoryUsers
	users.Passwords.Iterations = 10
	alice, err := users.SignUp(t.Context(), "alice", "secret")
	if err != nil {
		t.Fatal(err)
	}
	gate := auth.Gate[auth.Account]{Backends: []auth.Backend[auth.Account]{&users}}
	ctx := channels.ContextWithScope(t.Context(), channels.NewScope("chat", ""))
	if err := gate.Adopt(ctx, alice); err != nil {
		t.Fatal(err)
	}
	if got := name(ctx); got != "alice" {
		t.Errorf("the user is %s", got)
	}
	if id, ok := auth.UserID(ctx); id != alice.ID || !ok {
		t.Errorf("UserID: %s, %v", id, ok)
	}
}

func TestSessionThatIsNotGood(t *testing.T) {
	tests := []struct {
		name    string
		spoil   func(t *testing.T, s *site, sess *sessions.Session)
		flushed bool
	}{
		{"X13 C38 backend that is not configured", func(t *testing.T, s *site, sess *sessions.Session) {
			setField(t, sess, 2, "ldap")
		}, false},
		{"X13 no backend", func(t *testing.T, s *site, sess *sessions.Session) { setField(t, sess, 2, "") }, false},
		{"X14 C39 unknown user", func(t *testing.T, s *site, sess *sessions.Session) { s.users.Delete(s.user(t, "alice").ID) }, true},
		{"X14 C39 inactive user", func(t *testing.T, s *site, sess *sessions.Session) {
			s.users.SetActive(s.user(t, "alice").ID, false)
		}, true},
		{"X15 no stamp", func(t *testing.T, s *site, sess *sessions.Session) { setField(t, sess, 1, "-") }, true},
		{"X15 another stamp", func(t *testing.T, s *site, sess *sessions.Session) { setField(t, sess, 1, "AAAAAAAAAAAAAAAAAAAAAA") }, true},
		{"X15 C21 changed password", func(t *testing.T, s *site, sess *sessions.Session) {
			if _, err := s.users.SetPassword(t.Context(), s.user(t, "alice").ID, "another"); err != nil {
				t.Error(err)
			}
		}, true},
		{"X16 C37 no string", func(t *testing.T, s *site, sess *sessions.Session) {
			sess.Set("auth.login", map[string]int{"$ne": 1})
		}, false},
		{"X16 C37 a number", func(t *testing.T, s *site, sess *sessions.Session) { sess.Set("auth.login", 42) }, false},
		{"X16 C37 too few fields", func(t *testing.T, s *site, sess *sessions.Session) { sess.Set("auth.login", "1 - a") }, false},
		{"X16 C37 no time", func(t *testing.T, s *site, sess *sessions.Session) { setField(t, sess, 0, "0x1") }, false},
		{"X16 C37 ID with a space", func(t *testing.T, s *site, sess *sessions.Session) {
			setField(t, sess, 3, s.user(t, "alice").ID+" ")
		}, true},
		{"C37 empty ID", func(t *testing.T, s *site, sess *sessions.Session) { setField(t, sess, 3, "") }, false},
		{"C37 long ID", func(t *testing.T, s *site, sess *sessions.Session) {
			setField(t, sess, 3, strings.Repeat("1", 1<<10))
		}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t, nil)
			logIn(t, s.Browser, "alice")
			s.visit(t, func(w http.ResponseWriter, r *http.Request) {
				sess, err := sessions.Load(r.Context())
				if err != nil {
					t.Fatal(err)
				}
				if err := sess.Set("cart", 1); err != nil {
					t.Fatal(err)
				}
				tt.spoil(t, s, sess)
			})
			wantBody(t, s.Browser, "/whoami", "nobody")
			s.visit(t, func(w http.ResponseWriter, r *http.Request) {
				if kept := slices.Contains(keys(t, r), "cart"); kept == tt.flushed {
					t.Errorf("the session has %v, want flushed %v", keys(t, r), tt.flushed)
				}
			})
		})
	}
}

// X12: a user whom a wrapper further out has put there is kept.
func TestUserInTheScopeIsKept(t *testing.T) {
	var users auth.MemoryUsers
	gate := auth.Gate[auth.Account]{Backends: []auth.Backend[auth.Account]{&users}}
	h := gate.Handler(http.HandlerFunc(whoami))
	custom := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, r = channels.EnsureScope(r)
		auth.WithUser(r.Context(), auth.Account{ID: "1", Name: "carol"})
		h.ServeHTTP(w, r)
	})
	if got := serve(custom, "GET", "/"); got != "200 carol" {
		t.Errorf("got %s, want carol", got)
	}
}
