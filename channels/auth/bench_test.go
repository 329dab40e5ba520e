package auth_test

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/auth"
	"github.com/sluicehq/sluice/channels/internal/memnet"
	"github.com/sluicehq/sluice/channels/routing"
	"github.com/sluicehq/sluice/channels/sessions"
)

// discard is a ResponseWriter that keeps nothing.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(int)             {}

// single is a backend of one user, which costs nothing.
type single[U auth.Identity] struct{ users map[string]U }

func (s single[U]) Authenticate(context.Context, auth.Credentials) (u U, err error) {
	return u, auth.ErrNotMine
}

func (s single[U]) ByIDs(context.Context, []string) (map[string]U, error) { return s.users, nil }

// The gate on a signed cookie: what session and user add to a request.
func BenchmarkGate(b *testing.B) {
	var users auth.MemoryUsers
	users.Passwords.Iterations = 1
	alice, err := users.SignUp(b.Context(), "alice", password)
	if err != nil {
		b.Fatal(err)
	}
	sess := &sessions.Manager{Keys: newKeyring(b), Logger: quiet}
	gate := &auth.Gate[auth.Account]{
		Backends:    []auth.Backend[auth.Account]{single[auth.Account]{map[string]auth.Account{alice.ID: alice}}},
		Revocations: new(auth.MemoryRevocations), Logger: quiet,
	}
	login := auth.Stack(sess, gate)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := gate.Login(w, r, alice); err != nil {
			b.Error(err)
		}
	}))
	w := httptest.NewRecorder()
	login.ServeHTTP(w, httptest.NewRequest("POST", "/", nil))
	cookie := w.Result().Cookies()[0]

	for name, ask := range map[string]bool{"asked": true, "not asked": false} {
		b.Run(name, func(b *testing.B) {
			h := auth.Stack(sess, gate)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if _, ok := auth.User[auth.Account](r.Context()); !ok {
					b.Error("nobody is there")
				}
			}))
			if !ask {
				h = auth.Stack(sess, gate)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
			}
			r := httptest.NewRequest("GET", "/", nil)
			r.AddCookie(cookie)
			out := &discard{make(http.Header)}
			b.ReportAllocs()
			for b.Loop() {
				clear(out.header)
				h.ServeHTTP(out, r)
			}
		})
	}
}

// farewell is a consumer that looks at its user, and says when it is over.
type farewell struct {
	ended chan struct{}
	gated bool
}

func (f farewell) Connect(ctx context.Context, s *channels.Socket) error {
	if f.gated {
		if _, ok := auth.User[Person](ctx); !ok {
			return channels.Closef(channels.StatusUnauthorized, "log in first")
		}
	}
	return nil
}

func (farewell) ReceiveBorrowed(context.Context, *channels.Socket, channels.Message) error {
	return nil
}

func (f farewell) Disconnect(context.Context, *channels.Socket, error) { f.ended <- struct{}{} }

// What a session in a signed cookie, a user and a route add to a handshake, from the
// first byte to the end of the socket.
func BenchmarkHandshake(b *testing.B) {
	sess := &sessions.Manager{Keys: newKeyring(b), Logger: quiet}
	backend := single[Person]{map[string]Person{"42": {ID: "42", Name: "Ann"}}}
	ended := make(chan struct{})
	for _, gated := range []bool{false, true} {
		b.Run(map[bool]string{false: "bare", true: "gate"}[gated], func(b *testing.B) {
			srv := &channels.Server{Logger: quiet, Park: -1}
			gate := &auth.Gate[Person]{Backends: []auth.Backend[Person]{backend}, Revoker: srv, Logger: quiet}
			h := srv.Handler(channels.ConsumeBorrowed(func() farewell { return farewell{ended, gated} }))
			request := "GET /rooms/7/ HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
				"Origin: http://localhost\r\nSec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==\r\nSec-WebSocket-Version: 13\r\n"
			if gated {
				stack := auth.Stack(sess, gate)
				w := httptest.NewRecorder()
				stack(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if err := gate.Login(w, r, backend.users["42"]); err != nil {
						b.Error(err)
					}
				})).ServeHTTP(w, httptest.NewRequest("POST", "/", nil))
				cookie := w.Result().Cookies()[0]
				request += "Cookie: " + cookie.Name + "=" + cookie.Value + "\r\n"
				h = stack(routing.URLRouter(routing.RePath(`^rooms/(\d+)/$`, h)))
			} else {
				request += "X-Padding: " + strings.Repeat("x", 250) + "\r\n"
			}
			benchHandshakes(b, h, []byte(request+"\r\n"), ended)
			srv.Shutdown(b.Context())
		})
	}
}

func benchHandshakes(b *testing.B, h http.Handler, request []byte, ended chan struct{}) {
	l := memnet.Listen()
	server, done := &http.Server{Handler: h}, make(chan struct{})
	go func() { defer close(done); server.Serve(l) }() // ends with the server
	b.Cleanup(func() { server.Close(); <-done })
	answer := make([]byte, 1<<10)
	open := func() net.Conn {
		nc, err := l.Dial(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		nc.Write(request)
		if n, err := nc.Read(answer); err != nil || !bytes.HasPrefix(answer[:n], []byte("HTTP/1.1 101 ")) {
			b.Fatalf("answered with %q, %v", answer[:n], err)
		}
		return nc
	}
	handshake := func() {
		open().Close()
		<-ended
	}
	other := open() // so that the socket measured is not the only one
	defer func() { other.Close(); <-ended }()
	for range 100 {
		handshake() // fills the pools
	}
	b.ReportAllocs()
	for b.Loop() {
		handshake()
	}
}

// A recheck of 1,000 connections.
func BenchmarkRecheck(b *testing.B) {
	backend := &counting{user: everybody}
	gate := &auth.Gate[Person]{Backends: []auth.Backend[Person]{backend}, Logger: quiet}
	scopes, rechecker := adoptedMany(b, gate, 1000)
	b.ReportAllocs()
	for b.Loop() {
		if verdicts := rechecker.Recheck(b.Context(), scopes); verdicts != nil {
			b.Fatal(verdicts)
		}
	}
}
