package auth_test

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/auth"
	"github.com/sluicehq/sluice/channels/internal/leak"
	"github.com/sluicehq/sluice/channels/sessions"
	"github.com/sluicehq/sluice/channels/wstest"
)

func TestMain(m *testing.M) { leak.Main(m) }

// quiet is a logger for tests that do not look at the log.
var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

func newKeyring(tb testing.TB) sessions.Keyring {
	tb.Helper()
	key := make([]byte, 32)
	rand.Read(key)
	keys, err := sessions.NewKeyring(key)
	if err != nil {
		tb.Fatal(err)
	}
	return keys
}

// A site is an application with one gate, the users alice and bob, and a socket.
type site struct {
	*wstest.Server
	users    auth.MemoryUsers
	sessions sessions.Manager
	gate     auth.Gate[auth.Account]
	srv      channels.Server
	mux      *http.ServeMux
	handler  http.HandlerFunc // of /visit
}

const password = "correct horse"

// newSite returns a site whose parts setup may change before it is served. In it are
// POST /login, POST /logout, GET /whoami, and /ws: a socket that says who is there
// and then echoes.
func newSite(tb testing.TB, setup func(*site)) *site {
	tb.Helper()
	s := &site{mux: http.NewServeMux()}
	s.users.Passwords.Iterations = 100
	for _, name := range []string{"alice", "bob"} {
		if _, err := s.users.SignUp(tb.Context(), name, password); err != nil {
			tb.Fatal(err)
		}
	}
	s.sessions = sessions.Manager{Keys: newKeyring(tb), Logger: quiet}
	s.srv.Logger = quiet
	// What is tested here lasts for hours, in which clients do not always read: the
	// connection's own time limits are the business of package channels.
	s.srv.Upgrader.PingInterval = -1
	s.srv.Upgrader.Limits.MessageTime = -1
	s.gate.Backends = []auth.Backend[auth.Account]{&s.users}
	s.gate.Revoker = &s.srv
	s.gate.Logger = quiet
	s.mux.HandleFunc("POST /login", s.login)
	s.mux.HandleFunc("POST /logout", s.logout)
	s.mux.HandleFunc("GET /whoami", whoami)
	s.mux.HandleFunc("/visit", func(w http.ResponseWriter, r *http.Request) { s.handler(w, r) })
	s.mux.Handle("/ws", s.srv.HandlerFunc(s.serve))
	if setup != nil {
		setup(s)
	}
	s.Server = wstest.NewServer(tb, auth.Stack(&s.sessions, &s.gate)(s.mux))
	return s
}

func (s *site) login(w http.ResponseWriter, r *http.Request) {
	user, err := s.gate.Authenticate(r.Context(), auth.Credentials{
		Username: r.PostFormValue("username"),
		Password: r.PostFormValue("password"),
	})
	if err == nil {
		err = s.gate.Login(w, r, user)
	}
	if err != nil {
		s.gate.Deny(w, r, err)
		return
	}
	io.WriteString(w, "hello "+user.Name)
}

func (s *site) logout(w http.ResponseWriter, r *http.Request) {
	if err := s.gate.Logout(w, r); err != nil {
		s.gate.Deny(w, r, err)
	}
}

func whoami(w http.ResponseWriter, r *http.Request) { io.WriteString(w, name(r.Context())) }

func name(ctx context.Context) string {
	if user, ok := auth.User[auth.Account](ctx); ok {
		return user.Name
	}
	return "nobody"
}

func (s *site) serve(ctx context.Context, socket *channels.Socket) error {
	if err := socket.Send(ctx, channels.Text(name(ctx))); err != nil {
		return err
	}
	for m, err := range socket.Messages(ctx) {
		if err != nil {
			return err
		}
		if err := socket.Send(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// user returns alice or bob.
func (s *site) user(tb testing.TB, name string) auth.Account {
	tb.Helper()
	user, ok := s.users.Lookup(name)
	if !ok {
		tb.Fatalf("no user %s", name)
	}
	return user
}

// logIn logs a browser in.
func logIn(tb testing.TB, b *wstest.Browser, name string) {
	tb.Helper()
	resp, body := b.PostForm("/login", url.Values{"username": {name}, "password": {password}})
	if resp.StatusCode != http.StatusOK || body != "hello "+name {
		tb.Fatalf("login: %s %q", resp.Status, body)
	}
}

// serve returns the status and the body that h answers a request with.
func serve(h http.Handler, method, target string, change ...func(*http.Request)) string {
	r := httptest.NewRequest(method, target, nil)
	for _, f := range change {
		f(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return strconv.Itoa(w.Code) + " " + strings.TrimSpace(w.Body.String())
}

func wantBody(tb testing.TB, b *wstest.Browser, path, want string) {
	tb.Helper()
	if _, got := b.Get(path); got != want {
		tb.Errorf("GET %s: got %q, want %q", path, got, want)
	}
}

func wantStatus(tb testing.TB, b *wstest.Browser, path string, want int) {
	tb.Helper()
	if resp, body := b.Get(path); resp.StatusCode != want {
		tb.Errorf("GET %s: got %s %q, want %d", path, resp.Status, body, want)
	}
}
