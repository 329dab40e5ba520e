package auth_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/auth"
	"github.com/sluicehq/sluice/channels/sessions"
	"github.com/sluicehq/sluice/channels/wstest"
)

// T16, H48: what is wired wrongly says what to change.
func TestPanicsThatExplain(t *testing.T) {
	var users auth.MemoryUsers
	backends := []auth.Backend[auth.Account]{&users}
	gate := &auth.Gate[auth.Account]{Backends: backends, InsecureNoThrottle: true}
	other := &auth.Gate[auth.Account]{Backends: backends}
	people := &auth.Gate[*Person]{Schemes: []auth.Scheme{auth.Bearer(tokens{}.verify)}}
	h := http.HandlerFunc(whoami)
	get := func(h http.Handler) func() { return func() { serve(h, "GET", "/") } }
	tests := []struct {
		name string
		f    func()
		want string
	}{
		{"no gate at all", get(h), "auth.Stack"},
		{"no scope", func() { auth.User[Person](t.Context()) }, "auth.Stack"},
		{"UserID without a gate", func() { auth.UserID(t.Context()) }, "auth.Stack"},
		{"LoggedInAt without a gate", func() { auth.LoggedInAt(t.Context()) }, "auth.Stack"},
		{"Require without a gate", get(gate.Require(h)), "auth.Stack"},
		{"a pointer in place of a value", get(people.Handler(http.HandlerFunc(greet))), "*auth_test.Person"},
		{"WithUser of another type", func() { auth.WithUser(auth.WithNobody[Person](t.Context()), &Person{ID: "7"}) }, "auth_test.Person"},
		{"two gates", get(other.Handler(gate.Handler(h))), "two Gates"},
		{"two gates of two types", get(people.Handler(gate.Handler(h))), "*auth_test.Person"},
		{"a nobody with an ID", func() { auth.WithNobody[constant](t.Context()) }, "an empty one must mean nobody"},
		{"Stack without sessions", func() { auth.Stack(nil, gate) }, "Gate.Handler is enough"},
		{"Stack without a gate", func() { auth.Stack[auth.Account](new(sessions.Manager), nil) }, "needs a Manager and a Gate"},
		{"Named without a backend", func() { auth.Named[Person]("x", nil) }, "the backend is nil"},
		{"Cookie without a name", func() { auth.Cookie("", tokens{}.verify) }, "the name is empty"},
		{"FirstMessage without a gate", func() { auth.FirstMessage[Person]{}.Handler(nil) }, "needs a Gate"},
	}
	for _, tt := range tests {
		if got := panicOf(tt.f); !strings.Contains(got, tt.want) {
			t.Errorf("%s: panic %q, want one with %q", tt.name, got, tt.want)
		}
	}
	if got := serve(gate.Handler(gate.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		auth.WithUser(r.Context(), auth.Account{ID: "1", Name: "alice"})
		whoami(w, r)
	}))), "GET", "/"); got != "200 alice" {
		t.Errorf("one gate twice: %s", got)
	}
}

// constant is always the same user.
type constant struct{}

func (constant) UserID() string { return "1" }

func TestValidate(t *testing.T) {
	var a, b auth.MemoryUsers
	tests := []struct {
		name string
		gate *auth.Gate[auth.Account]
		want string // empty: none
	}{
		{"no backend", &auth.Gate[auth.Account]{}, "Backends is empty"},
		{"nil backend", &auth.Gate[auth.Account]{Backends: []auth.Backend[auth.Account]{nil}}, "Backends[0] is nil"},
		{"two of a type", &auth.Gate[auth.Account]{Backends: []auth.Backend[auth.Account]{&a, &b}}, "auth.Named"},
		{"two of a name", &auth.Gate[auth.Account]{Backends: []auth.Backend[auth.Account]{
			auth.Named[auth.Account]("x", &a), auth.Named[auth.Account]("x", &b)}}, "auth.Named"},
		{"a name with a space", &auth.Gate[auth.Account]{Backends: []auth.Backend[auth.Account]{auth.Named[auth.Account]("x y", &a)}}, "without spaces"},
		{"half a scheme", &auth.Gate[auth.Account]{Schemes: []auth.Scheme{{Name: "half"}}}, "Schemes[0] (half)"},
		{"named", &auth.Gate[auth.Account]{Backends: []auth.Backend[auth.Account]{&a, auth.Named[auth.Account]("x", &b)}}, ""},
	}
	for _, tt := range tests {
		err := tt.gate.Validate()
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
		panicked := func() (err error) {
			defer func() { err, _ = recover().(error) }()
			tt.gate.Handler(http.NotFoundHandler())
			return nil
		}()
		if (panicked == nil) != (err == nil) {
			t.Errorf("%s: Handler panics with %v", tt.name, panicked)
		}
	}
}

// T16: a user that a wrapper of one's own puts there, or none.
func TestWithUser(t *testing.T) {
	ctx := auth.WithUser(t.Context(), Person{ID: "7", Name: "Ann"})
	if p, ok := auth.User[Person](ctx); p.Name != "Ann" || !ok {
		t.Errorf("%v, %v", p, ok)
	}
	if id, ok := auth.UserID(ctx); id != "7" || !ok {
		t.Errorf("UserID: %v, %v", id, ok)
	}
	auth.WithUser(ctx, Person{})
	if p, ok := auth.User[Person](ctx); p != (Person{}) || ok {
		t.Errorf("an empty ID: %v, %v", p, ok)
	}
	ctx = auth.WithUser[*Person](t.Context(), nil)
	if p, ok := auth.User[*Person](ctx); p != nil || ok {
		t.Errorf("a nil user: %v, %v", p, ok)
	}
	if id, ok := auth.UserID(ctx); id != "" || ok {
		t.Errorf("UserID of a nil user: %q, %v", id, ok)
	}
	scope := channels.NewScope("chat", "")
	ctx = channels.ContextWithScope(t.Context(), scope)
	auth.WithUser(ctx, Person{ID: "7"})
	if g := scope.Guards(); len(g) != 1 || g[0].Tags[0] != "user:7" {
		t.Errorf("guards %+v", g)
	}
	auth.WithUser(ctx, Person{})
	if g := scope.Guards(); len(g) != 0 {
		t.Errorf("guards of nobody %+v", g)
	}
}

// The user of a request is loaded when it is asked for, once.
func TestUserIsLazy(t *testing.T) {
	backend := &counting{user: everybody}
	sess := &sessions.Manager{Keys: newKeyring(t), Logger: quiet}
	gate := &auth.Gate[Person]{Backends: []auth.Backend[Person]{backend}, Logger: quiet}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		if err := gate.Login(w, r, Person{ID: "7"}); err != nil {
			t.Error(err)
		}
	})
	mux.HandleFunc("/static", func(w http.ResponseWriter, r *http.Request) {})
	mux.HandleFunc("/three", func(w http.ResponseWriter, r *http.Request) {
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if p, ok := auth.User[Person](r.Context()); p.ID != "7" || !ok {
					t.Errorf("%v, %v", p, ok)
				}
				auth.UserID(r.Context())
			})
		}
		wg.Wait()
	})
	s := wstest.NewServer(t, auth.Stack(sess, gate)(mux))
	s.PostForm("/login", nil)
	s.Get("/static")
	if backend.calls != 0 {
		t.Errorf("%d queries for a request that asks for nothing", backend.calls)
	}
	s.Get("/three")
	if backend.calls != 1 {
		t.Errorf("%d queries for a request that asks often, want 1", backend.calls)
	}
}

// C43: when a backend or a store is down nobody is taken for nobody.
func TestBackendDown(t *testing.T) {
	backend := &counting{user: everybody}
	store := &shaky{Store: new(sessions.MemoryStore)}
	sess := &sessions.Manager{Store: store, Logger: quiet}
	gate := &auth.Gate[Person]{Backends: []auth.Backend[Person]{backend}, Logger: quiet}
	var resolved error
	srv := &channels.Server{Logger: quiet}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		if err := gate.Login(w, r, Person{ID: "7", Name: "Ann"}); err != nil {
			t.Error(err)
		}
	})
	mux.HandleFunc("/greet", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/x-greeting")
		w.Header().Set("Etag", `"stranger"`)
		greet(w, r)
		io.WriteString(w, "!")
		_, _, resolved = auth.Resolve[Person](r.Context())
	})
	mux.HandleFunc("/silent", func(w http.ResponseWriter, r *http.Request) { auth.User[Person](r.Context()) })
	mux.HandleFunc("/created", func(w http.ResponseWriter, r *http.Request) {
		auth.User[Person](r.Context())
		w.WriteHeader(http.StatusCreated)
	})
	mux.HandleFunc("/flushed", func(w http.ResponseWriter, r *http.Request) {
		auth.User[Person](r.Context())
		if err := http.NewResponseController(w).Flush(); err == nil {
			t.Error("Flush is no error")
		}
		if n, err := io.Copy(w, strings.NewReader("hello")); n > 0 || err == nil {
			t.Errorf("%d bytes were written, %v", n, err)
		}
	})
	mux.HandleFunc("/own", func(w http.ResponseWriter, r *http.Request) {
		if _, _, err := auth.Resolve[Person](r.Context()); err != nil {
			http.Error(w, "come back later", http.StatusBadGateway)
		}
	})
	mux.Handle("/members", gate.Require(http.HandlerFunc(greet)))
	mux.Handle("/ws", srv.HandlerFunc(func(ctx context.Context, s *channels.Socket) error {
		t.Error("the socket is served")
		return nil
	}))
	mux.HandleFunc("/hijack", func(w http.ResponseWriter, r *http.Request) {
		if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
			c.Close()
			t.Error("the connection was hijacked")
		}
	})
	s := wstest.NewServer(t, auth.Stack(sess, gate)(mux))
	s.PostForm("/login", nil)
	wantBody(t, s.Browser, "/greet", "hello P7!")

	for name, fail := range map[string]func(error){
		"backend": func(err error) { backend.fail = err },
		"store":   func(err error) { store.err = err },
	} {
		fail(errors.New("SECRET is down"))
		for _, path := range []string{"/greet", "/silent", "/created", "/flushed", "/members", "/hijack"} {
			resp, body := s.Get(path)
			if resp.StatusCode != 503 || body != "Logging in is not possible at the moment.\n" || resp.Header.Get("Retry-After") == "" {
				t.Errorf("%s, %s: %s %q", name, path, resp.Status, body)
			}
			if h := resp.Header; h.Get("Etag") != "" || h.Get("Cache-Control") != "no-store" || h.Get("Content-Type") == "text/x-greeting" {
				t.Errorf("%s, %s: header %v", name, path, h)
			}
		}
		if !errors.Is(resolved, auth.ErrUnavailable) {
			t.Errorf("%s: Resolve: %v", name, resolved)
		}
		wantStatus(t, s.Browser, "/own", http.StatusBadGateway)
		if resp := s.DialRefused("/ws"); resp.StatusCode != 503 {
			t.Errorf("%s, handshake: %s", name, resp.Status)
		}
		fail(nil)
		wantBody(t, s.Browser, "/greet", "hello P7!") // who is still logged in
	}
}

// shaky is a store that may fail.
type shaky struct {
	sessions.Store
	err error
}

func (s *shaky) Load(ctx context.Context, key string) ([]byte, uint64, error) {
	if s.err != nil {
		return nil, 0, s.err
	}
	return s.Store.Load(ctx, key)
}

func (s *shaky) Delete(ctx context.Context, key string) error {
	if s.err != nil {
		return s.err
	}
	return s.Store.Delete(ctx, key)
}

// A logout that could not be done says so.
func TestLogoutFails(t *testing.T) {
	store := &shaky{Store: new(sessions.MemoryStore)}
	s := newSite(t, func(s *site) { s.sessions.Store = store })
	logIn(t, s.Browser, "alice")
	s.visit(t, func(w http.ResponseWriter, r *http.Request) {
		if _, err := sessions.Load(r.Context()); err != nil {
			t.Fatal(err)
		}
		store.err = errors.New("down")
		if err := s.gate.Logout(w, r); err == nil {
			t.Error("Logout is no error")
		} else {
			s.gate.Deny(w, r, err)
		}
	})
	store.err = nil
	wantBody(t, s.Browser, "/whoami", "nobody") // the gate remembers it all the same
}

// A logout is done also if the browser does not wait for it.
func TestLogoutOfWhoLeft(t *testing.T) {
	s := newSite(t, func(s *site) { s.sessions.Store = new(sessions.MemoryStore) })
	logIn(t, s.Browser, "alice")
	h := auth.Stack(&s.sessions, &s.gate)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := auth.User[auth.Account](r.Context()); !ok {
			t.Error("nobody is there")
		}
		ctx, cancel := context.WithCancel(r.Context())
		cancel()
		if err := s.gate.Logout(w, r.WithContext(ctx)); err != nil {
			t.Error(err)
		}
	}))
	serve(h, "POST", "/", withCookie(cookie(t, s.Browser)))
	wantBody(t, s.Browser, "/whoami", "nobody")
}

// A caller whose context ends does not wait for a slow backend.
func TestWaitForUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		backend := &counting{user: func(id string) (Person, bool) { <-hold; return everybody(id) }}
		gate := &auth.Gate[Person]{Backends: []auth.Backend[Person]{backend}, Logger: quiet,
			Schemes: []auth.Scheme{auth.Bearer(func(context.Context, string) (auth.Grant, error) {
				return auth.Grant{UserID: "7"}, nil
			})}}
		h := gate.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var first sync.WaitGroup
			first.Go(func() { auth.User[Person](r.Context()) })
			synctest.Wait()
			ctx, cancel := context.WithTimeout(r.Context(), time.Second)
			defer cancel()
			if _, _, err := auth.Resolve[Person](ctx); !errors.Is(err, auth.ErrUnavailable) {
				t.Errorf("Resolve: %v, want ErrUnavailable", err)
			}
			close(hold)
			first.Wait()
			greet(w, r)
		}))
		if got := serve(h, "GET", "/", header("Authorization", "Bearer x")); got != "200 hello P7" {
			t.Error(got)
		}
	})
}

// H47: a backend that panics lets nobody in, and holds up nobody.
func TestBackendPanics(t *testing.T) {
	gate := &auth.Gate[Person]{Backends: []auth.Backend[Person]{people{}}, Logger: quiet,
		Schemes: []auth.Scheme{auth.Bearer(func(context.Context, string) (auth.Grant, error) { panic("boom") })}}
	h := gate.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for range 2 {
			if got := panicOf(func() { auth.User[Person](r.Context()) }); got != "boom" {
				t.Errorf("panic %q", got)
			}
		}
	}))
	serve(h, "GET", "/", header("Authorization", "Bearer x"))
}

// With cookies that cannot be taken back it says that a restart forgets who was logged out.
func TestStackSaysWhatIsForgotten(t *testing.T) {
	var users auth.MemoryUsers
	for _, tt := range []struct {
		store       sessions.Store
		revocations auth.Revocations
		want        bool
	}{
		{nil, nil, true},
		{nil, new(auth.MemoryRevocations), true},
		{nil, failing{}, false},
		{new(sessions.MemoryStore), nil, false},
	} {
		var log bytes.Buffer
		gate := &auth.Gate[auth.Account]{
			Backends: []auth.Backend[auth.Account]{&users}, Revocations: tt.revocations,
			Logger: slog.New(slog.NewTextHandler(&log, nil)),
		}
		sess := &sessions.Manager{Keys: newKeyring(t), Store: tt.store}
		auth.Stack(sess, gate)
		auth.Stack(sess, gate) // as for "http" and "websocket"
		if got := strings.Count(log.String(), "a restart forgets") == 1; got != tt.want {
			t.Errorf("store %v, revocations %v: %q", tt.store, tt.revocations, log.String())
		}
	}
}

func TestDeny(t *testing.T) {
	gate := &auth.Gate[Person]{Backends: []auth.Backend[Person]{people{}}, Logger: quiet}
	for _, tt := range []struct {
		err    error
		want   int
		header string
	}{
		{auth.ErrMalformed, 400, ""},
		{auth.ErrDenied, 401, "Www-Authenticate"},
		{auth.ErrNobody, 401, "Www-Authenticate"},
		{auth.ErrStale, 401, "Www-Authenticate"},
		{auth.ErrForbidden, 403, ""},
		{&auth.ThrottledError{Wait: 1500 * time.Millisecond}, 429, "Retry-After"},
		{auth.ErrBusy, 503, "Retry-After"},
		{auth.ErrUnavailable, 503, "Retry-After"},
		{sessions.ErrUnavailable, 503, "Retry-After"},
		{errors.New("SECRET"), 500, ""},
	} {
		w := httptest.NewRecorder()
		gate.Deny(w, httptest.NewRequest("GET", "/", nil), tt.err)
		if w.Code != tt.want || strings.Contains(w.Body.String(), "SECRET") || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%v: %d %q %v", tt.err, w.Code, w.Body, w.Header())
		}
		if tt.header != "" && w.Header().Get(tt.header) == "" {
			t.Errorf("%v: no %s", tt.err, tt.header)
		}
	}
	w := httptest.NewRecorder()
	gate.Deny(w, httptest.NewRequest("GET", "/", nil), &auth.ThrottledError{Wait: 1500 * time.Millisecond})
	if got := w.Header().Get("Retry-After"); got != "2" {
		t.Errorf("Retry-After %s, want 2", got)
	}
	gate.Refuse = func(w http.ResponseWriter, _ *http.Request, err error) {
		w.WriteHeader(http.StatusTeapot)
		io.WriteString(w, err.Error())
	}
	w = httptest.NewRecorder()
	gate.Deny(w, httptest.NewRequest("GET", "/", nil), auth.ErrNobody)
	if w.Code != http.StatusTeapot || w.Body.String() != auth.ErrNobody.Error() {
		t.Errorf("Refuse: %d %q", w.Code, w.Body)
	}
}
