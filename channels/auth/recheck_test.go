package auth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/auth"
	"github.com/sluicehq/sluice/channels/wstest"
)

// A24: a right that is taken away ends the socket that needs it, with 3003.
func TestPermit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		admins := map[string]bool{"alice": true}
		isAdmin := func(u auth.Account) bool {
			mu.Lock()
			defer mu.Unlock()
			return admins[u.Name]
		}
		s := newSite(t, func(s *site) {
			s.mux.Handle("/admin", s.gate.Permit(isAdmin)(s.srv.HandlerFunc(s.serve)))
			s.mux.Handle("/page", s.gate.Permit(isAdmin)(http.HandlerFunc(whoami)))
			s.mux.Handle("/members", s.gate.Require(http.HandlerFunc(whoami)))
		})
		wantStatus(t, s.Browser, "/members", http.StatusUnauthorized)
		wantStatus(t, s.Browser, "/page", http.StatusUnauthorized)
		bob := s.NewBrowser()
		logIn(t, bob, "bob")
		wantStatus(t, bob, "/members", http.StatusOK)
		wantStatus(t, bob, "/page", http.StatusForbidden)
		if resp := bob.DialRefused("/admin"); resp.StatusCode != http.StatusForbidden {
			t.Errorf("bob: %s", resp.Status)
		}
		logIn(t, s.Browser, "alice")
		wantStatus(t, s.Browser, "/page", http.StatusOK)
		c := s.Dial("/admin")
		c.Want("alice")
		mu.Lock()
		delete(admins, "alice")
		mu.Unlock()
		start := time.Now()
		_, err := c.Read(t.Context())
		if took := time.Since(start); channels.CloseStatus(err) != channels.StatusForbidden || took > 66*time.Second {
			t.Errorf("%v after %v, want 3003 within a minute and its jitter", err, took)
		}
		wantStatus(t, s.Browser, "/page", http.StatusForbidden)
	})
}

// A19, A24: where it is said that a right was taken away, on whatever server, the next
// message of the sockets that need it is refused; sockets of others, and those that do not
// need it, go on, and know the user as changed.
func TestUserChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		layer := new(channels.MemoryLayer)
		backend := &counting{user: everybody}
		isAdmin := func(p Person) bool { return p.Name != "demoted" }
		var received atomic.Int32
		newServer := func() (*auth.Gate[Person], *wstest.Server) {
			srv := &channels.Server{Layer: layer, Logger: quiet}
			gate := &auth.Gate[Person]{
				Backends: []auth.Backend[Person]{backend}, Revoker: srv, Logger: quiet, RecheckInterval: 100 * time.Hour,
				Schemes: []auth.Scheme{auth.Bearer(func(_ context.Context, id string) (auth.Grant, error) {
					return auth.Grant{UserID: id}, nil
				})},
			}
			echo := srv.HandlerFunc(func(ctx context.Context, s *channels.Socket) error {
				for m, err := range s.Messages(ctx) {
					if err != nil {
						return err
					}
					received.Add(1)
					p, _ := auth.User[Person](ctx)
					if err := s.Send(ctx, channels.Text(p.Name+": "+string(m.Data))); err != nil {
						return err
					}
				}
				return nil
			})
			mux := http.NewServeMux()
			mux.Handle("/admin", gate.Permit(isAdmin)(echo))
			mux.Handle("/", echo)
			return gate, wstest.NewServer(t, gate.Handler(mux))
		}
		gate, here := newServer()
		_, there := newServer()
		as := func(id string) func(*channels.DialOptions) {
			return func(o *channels.DialOptions) { o.Header = http.Header{"Authorization": {"Bearer " + id}} }
		}
		var admins, members []*wstest.Client
		for _, s := range []*wstest.Server{here, there} {
			admins = append(admins, s.Dial("/admin", as("7")))
			members = append(members, s.Dial("/", as("7")))
		}
		other := here.Dial("/admin", as("8"))
		synctest.Wait()
		backend.user = func(id string) (Person, bool) {
			if id == "7" {
				return Person{ID: id, Name: "demoted"}, true
			}
			return everybody(id)
		}
		start := time.Now()
		if err := gate.UserChanged(t.Context(), "7"); err != nil {
			t.Fatal(err)
		}
		admins[0].Write(t.Context(), channels.Text("delete everything")) // at once
		synctest.Wait()
		admins[1].Write(t.Context(), channels.Text("delete everything"))
		for _, c := range admins {
			c.WantClose(channels.StatusForbidden)
		}
		if n := received.Load(); n != 0 {
			t.Errorf("%d messages of a former admin were received", n)
		}
		for _, c := range members {
			c.Send("hello")
			c.Want("demoted: hello")
		}
		other.Send("hello")
		other.Want("P8: hello")
		if took := time.Since(start); took > time.Second {
			t.Errorf("it took %v", took)
		}
		alone := &auth.Gate[Person]{Backends: []auth.Backend[Person]{backend}}
		if err := alone.UserChanged(t.Context(), "7"); err != nil {
			t.Errorf("without a Revoker: %v", err)
		}
	})
}

// counting is a backend that counts its queries, and may fail.
type counting struct {
	mu    sync.Mutex
	calls int
	most  int
	fail  error
	user  func(id string) (Person, bool)
}

func (c *counting) Authenticate(context.Context, auth.Credentials) (Person, error) {
	return Person{}, auth.ErrNotMine
}

func (c *counting) ByIDs(_ context.Context, ids []string) (map[string]Person, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	c.most = max(c.most, len(ids))
	if c.fail != nil {
		return nil, c.fail
	}
	found := make(map[string]Person, len(ids))
	for _, id := range ids {
		if p, ok := c.user(id); ok {
			found[id] = p
		}
	}
	return found, nil
}

// count returns how many queries there were since the last call, and for how many users
// the largest was.
func (c *counting) count() (calls, most int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	calls, most = c.calls, c.most
	c.calls, c.most = 0, 0
	return calls, most
}

func everybody(id string) (Person, bool) { return Person{ID: id, Name: "P" + id}, true }

// adopted returns a connection of a user, and its scope.
func adopted(t testing.TB, gate *auth.Gate[Person], id string) (context.Context, *channels.Scope) {
	t.Helper()
	scope := channels.NewScope("chat", "")
	ctx := channels.ContextWithScope(t.Context(), scope)
	if err := gate.AdoptGrant(ctx, auth.Grant{UserID: id}); err != nil {
		t.Fatal(err)
	}
	return ctx, scope
}

// adoptedMany returns n connections of as many users, and what rechecks them.
func adoptedMany(t testing.TB, gate *auth.Gate[Person], n int) ([]*channels.Scope, channels.Rechecker) {
	t.Helper()
	scopes := make([]*channels.Scope, n)
	for i := range scopes {
		_, scopes[i] = adopted(t, gate, strconv.Itoa(i))
	}
	return scopes, scopes[0].Guards()[0].Rechecker
}

// 100,000 sockets of distinct users make 100 queries.
func TestRecheckInChunks(t *testing.T) {
	backend := &counting{user: everybody}
	gate := &auth.Gate[Person]{Backends: []auth.Backend[Person]{backend}, Logger: quiet}
	scopes, rechecker := adoptedMany(t, gate, 10_000)
	_, twin := adopted(t, gate, "0")
	scopes = append(scopes, twin)
	backend.calls, backend.most = 0, 0
	verdicts := rechecker.Recheck(t.Context(), scopes)
	if verdicts != nil || backend.calls != 11 || backend.most != 1000 {
		t.Errorf("verdicts %v, %d queries of up to %d; want none, 11, 1000", verdicts != nil, backend.calls, backend.most)
	}

	backend.calls, backend.most = 0, 0
	scopes = scopes[:0]
	for range 1000 {
		_, scope := adopted(t, gate, "7")
		scopes = append(scopes, scope)
	}
	backend.calls, backend.most = 0, 0
	backend.user = func(id string) (Person, bool) { return Person{}, false }
	verdicts = rechecker.Recheck(t.Context(), scopes)
	if backend.calls != 1 || backend.most != 1 {
		t.Errorf("%d queries of %d IDs for 1,000 connections of one user", backend.calls, backend.most)
	}
	for i, err := range verdicts {
		if channels.CloseStatus(err) != channels.StatusUnauthorized {
			t.Fatalf("connection %d: %v", i, err)
		}
	}
}

// Only a definite answer closes a connection, until the grace is over.
func TestRecheckGrace(t *testing.T) {
	for _, tt := range []struct {
		grace time.Duration
		want  time.Duration // 0: never
	}{
		{0, 6 * time.Minute},
		{10 * time.Minute, 11 * time.Minute},
		{-1, 0},
	} {
		t.Run(fmt.Sprint(tt.grace), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				backend := &counting{user: everybody}
				gate := &auth.Gate[Person]{Backends: []auth.Backend[Person]{backend}, RecheckGrace: tt.grace, Logger: quiet}
				_, scope := adopted(t, gate, "7")
				recheck := func() error {
					if verdicts := scope.Guards()[0].Rechecker.Recheck(t.Context(), []*channels.Scope{scope}); verdicts != nil {
						return verdicts[0]
					}
					return nil
				}
				time.Sleep(time.Hour)
				if err := recheck(); err != nil {
					t.Fatal(err)
				}
				backend.fail = errors.New("the database is down")
				start := time.Now()
				for time.Since(start) < 20*time.Minute {
					time.Sleep(10 * time.Second)
					err := recheck()
					late := tt.want != 0 && time.Since(start) > tt.want
					if late != (channels.CloseStatus(err) == channels.StatusTryAgainLater) {
						t.Fatalf("after %v: %v", time.Since(start), err)
					}
				}
				backend.fail = nil
				if err := recheck(); err != nil {
					t.Errorf("when it is up again: %v", err)
				}
			})
		})
	}
}

// What a recheck loads is what the handler sees from then on.
func TestRecheckRefreshesTheUser(t *testing.T) {
	backend := &counting{user: everybody}
	gate := &auth.Gate[Person]{Backends: []auth.Backend[Person]{backend}}
	ctx, scope := adopted(t, gate, "7")
	backend.user = func(id string) (Person, bool) { return Person{ID: id, Name: "Renamed"}, true }
	scope.Guards()[0].Rechecker.Recheck(t.Context(), []*channels.Scope{scope})
	if p, _ := auth.User[Person](ctx); p.Name != "Renamed" {
		t.Errorf("the user is %v", p)
	}
}

// A25: an ID that was given to somebody else has another stamp, and is not who opened the
// connection.
func TestIDIsGivenAway(t *testing.T) {
	now := versioned{"7", "a"}
	backend := single[versioned]{map[string]versioned{"7": now}}
	gate := &auth.Gate[versioned]{Backends: []auth.Backend[versioned]{backend}, Logger: quiet}
	scope := channels.NewScope("chat", "")
	ctx := channels.ContextWithScope(t.Context(), scope)
	if err := gate.Adopt(ctx, now); err != nil {
		t.Fatal(err)
	}
	recheck := func() error {
		if verdicts := scope.Guards()[0].Rechecker.Recheck(t.Context(), []*channels.Scope{scope}); verdicts != nil {
			return verdicts[0]
		}
		return nil
	}
	if err := recheck(); err != nil {
		t.Errorf("the user who opened it: %v", err)
	}
	backend.users["7"] = versioned{"7", "b"}
	if err := recheck(); channels.CloseStatus(err) != channels.StatusUnauthorized {
		t.Errorf("another user: %v, want 3000", err)
	}
}

// A versioned user has a stamp.
type versioned struct{ id, stamp string }

func (v versioned) UserID() string       { return v.id }
func (v versioned) SessionStamp() string { return v.stamp }

func TestRecheckInterval(t *testing.T) {
	for interval, want := range map[time.Duration]time.Duration{0: time.Minute, time.Second: time.Second} {
		gate := &auth.Gate[Person]{Backends: []auth.Backend[Person]{&counting{user: everybody}}, RecheckInterval: interval}
		_, scope := adopted(t, gate, "7")
		if g := scope.Guards()[0]; g.Interval != want || g.Rechecker == nil {
			t.Errorf("%v: %+v", interval, g)
		}
	}
	gate := &auth.Gate[Person]{Backends: []auth.Backend[Person]{&counting{user: everybody}}, RecheckInterval: -1}
	_, scope := adopted(t, gate, "7")
	if g := scope.Guards()[0]; g.Rechecker != nil {
		t.Errorf("negative: %+v", g)
	}
}
