package auth_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/sluicehq/sluice/channels/auth"
	"github.com/sluicehq/sluice/channels/sessions"
)

// discard is a ResponseWriter that keeps nothing.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(int)             {}

// single is a backend of one user, which costs nothing.
type single struct{ users map[string]auth.Account }

func (s single) Authenticate(context.Context, auth.Credentials) (auth.Account, error) {
	return auth.Account{}, auth.ErrNotMine
}

func (s single) ByIDs(context.Context, []string) (map[string]auth.Account, error) {
	return s.users, nil
}

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
		Backends:    []auth.Backend[auth.Account]{single{map[string]auth.Account{alice.ID: alice}}},
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
