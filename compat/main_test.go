package compat

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/gorilla/mux"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/auth"
	"github.com/sluicehq/sluice/channels/sessions"
	"github.com/sluicehq/sluice/channels/wstest"
)

func TestMain(m *testing.M) { wstest.Main(m) }

// An app is the parts of an application, which a test puts together. Its one user is
// alice.
type app struct {
	stack  func(http.Handler) http.Handler // auth.Stack
	login  http.Handler                    // POST /login
	logout http.Handler                    // POST /logout
	page   http.Handler                    // says who asks
	socket http.Handler                    // for those who have logged in, see serve
	srv    *channels.Server
}

const password = "correct horse"

// newApp returns the parts, with a logger for what the server says. Room returns what
// the router found in a request's path; the socket's context has it, too.
func newApp(t *testing.T, log *slog.Logger, room func(*http.Request) string) *app {
	t.Helper()
	key := make([]byte, 32)
	rand.Read(key)
	keys, err := sessions.NewKeyring(key)
	if err != nil {
		t.Fatal(err)
	}
	users := new(auth.MemoryUsers)
	users.Passwords.Iterations = 100
	if _, err := users.SignUp(t.Context(), "alice", password); err != nil {
		t.Fatal(err)
	}
	srv := &channels.Server{Logger: log, Context: func(r *http.Request) context.Context {
		return context.WithValue(context.Background(), roomKey{}, room(r))
	}}
	gate := &auth.Gate[auth.Account]{Backends: []auth.Backend[auth.Account]{users}, Revoker: srv, Logger: log}
	return &app{
		stack: auth.Stack(&sessions.Manager{Keys: keys, Logger: log}, gate),
		login: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			user, err := gate.Authenticate(r.Context(), auth.Credentials{Username: "alice", Password: r.PostFormValue("password")})
			if err == nil {
				err = gate.Login(w, r, user)
			}
			if err != nil {
				gate.Deny(w, r, err)
			}
		}),
		logout: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := gate.Logout(w, r); err != nil {
				gate.Deny(w, r, err)
			}
		}),
		page: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "%s in %s", name(r.Context()), room(r))
		}),
		socket: srv.Guard(gate.Require(srv.HandlerFunc(serve))),
		srv:    srv,
	}
}

type roomKey struct{}

func name(ctx context.Context) string {
	if user, ok := auth.User[auth.Account](ctx); ok {
		return user.Name
	}
	return "nobody"
}

// serve answers each message with who is where, as the socket's context has it;
// "panic" it does.
func serve(ctx context.Context, s *channels.Socket) error {
	for m, err := range s.Messages(ctx) {
		if err != nil {
			return err
		}
		if string(m.Data) == "panic" {
			panic("on demand")
		}
		where, _ := ctx.Value(roomKey{}).(string)
		text := fmt.Sprintf("%s in %s at %s%s", name(ctx), where, s.Scope().Path(), foreign(ctx))
		if err := s.Send(ctx, channels.Text(text)); err != nil {
			return err
		}
	}
	return nil
}

// foreign says what of a request shows in a context.
func foreign(ctx context.Context) (found string) {
	if rc := chi.RouteContext(ctx); rc != nil {
		found += fmt.Sprintf(" with chi's route %q", rc.URLParam("room"))
	}
	if vars := mux.Vars(new(http.Request).WithContext(ctx)); vars != nil {
		found += fmt.Sprintf(" with mux's route %q", vars)
	}
	for _, key := range []any{http.ServerContextKey, http.LocalAddrContextKey, middleware.RequestIDKey, middleware.LogEntryCtxKey} {
		if v := ctx.Value(key); v != nil {
			found += fmt.Sprintf(" with a %T", v)
		}
	}
	if deadline, ok := ctx.Deadline(); ok {
		found += fmt.Sprintf(" until %v", deadline)
	}
	return found
}

// logIn logs alice in with the server's browser.
func logIn(t *testing.T, site *wstest.Server) {
	t.Helper()
	resp, body := site.PostForm("/login", url.Values{"password": {password}})
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("login: %s, %s", resp.Status, body)
	}
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }
