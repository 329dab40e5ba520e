package compat

import (
	"net/http"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/gorilla/mux"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/routing"
	"github.com/sluicehq/sluice/channels/wstest"
)

func pathValue(r *http.Request) string { return r.PathValue("room") }

func chiParam(r *http.Request) string { return chi.URLParam(r, "room") }

func muxVar(r *http.Request) string { return mux.Vars(r)["room"] }

var routerTests = []struct {
	name  string
	path  string // of the socket
	scope string // the path in its scope: as it was where the stack stood
	room  func(*http.Request) string
	build func(*app) http.Handler
}{
	{"ServeMux", "/rooms/lobby/ws", "/rooms/lobby/ws", pathValue, func(a *app) http.Handler {
		return a.stack(serveMux(a, "/rooms/{room}/ws"))
	}},
	{"ServeMux, GET", "/rooms/lobby/ws", "/rooms/lobby/ws", pathValue, func(a *app) http.Handler {
		return a.stack(serveMux(a, "GET /rooms/{room}/ws"))
	}},
	{"ServeMux, a host", "/rooms/lobby/ws", "/rooms/lobby/ws", pathValue, func(a *app) http.Handler {
		return a.stack(serveMux(a, "GET localhost/rooms/{room}/ws"))
	}},
	{"ServeMux, the rest of the path", "/rooms/a/b/c", "/rooms/a/b/c", func(r *http.Request) string { return r.PathValue("rest") }, func(a *app) http.Handler {
		return a.stack(serveMux(a, "GET /rooms/{rest...}"))
	}},
	{"ServeMux, the stack inside", "/rooms/lobby/ws", "/rooms/lobby/ws", pathValue, func(a *app) http.Handler {
		m := http.NewServeMux()
		m.Handle("POST /login", a.stack(a.login))
		m.Handle("POST /logout", a.stack(a.logout))
		m.Handle("GET /rooms/{room}/ws", a.stack(a.socket))
		return m
	}},
	{"StripPrefix around the stack", "/api/rooms/lobby/ws", "/rooms/lobby/ws", pathValue, func(a *app) http.Handler {
		m := http.NewServeMux()
		m.Handle("/api/", http.StripPrefix("/api", a.stack(serveMux(a, "GET /rooms/{room}/ws"))))
		m.Handle("/", a.stack(serveMux(a, "GET /other")))
		return m
	}},
	{"StripPrefix within the stack", "/api/rooms/lobby/ws", "/api/rooms/lobby/ws", pathValue, func(a *app) http.Handler {
		m := serveMux(a, "GET /other")
		m.Handle("/api/", http.StripPrefix("/api", serveMux(a, "GET /rooms/{room}/ws")))
		return a.stack(m)
	}},
	{"chi, Get", "/rooms/lobby/ws", "/rooms/lobby/ws", chiParam, func(a *app) http.Handler {
		r := chiRouter(a)
		r.Get("/rooms/{room}/ws", a.socket.ServeHTTP)
		return a.stack(r)
	}},
	{"chi, a method in the pattern", "/rooms/lobby/ws", "/rooms/lobby/ws", pathValue, func(a *app) http.Handler {
		r := chiRouter(a)
		r.Handle("GET /rooms/{room}/ws", a.socket)
		return a.stack(r)
	}},
	{"chi, the stack in Use", "/rooms/lobby/ws", "/rooms/lobby/ws", chiParam, func(a *app) http.Handler {
		r := chi.NewRouter()
		r.Use(a.stack)
		r.Method("POST", "/login", a.login)
		r.Method("POST", "/logout", a.logout)
		r.Handle("/rooms/{room:[a-z]+}/ws", a.socket)
		return r
	}},
	{"chi, the stack in a Route", "/api/rooms/lobby/ws", "/api/rooms/lobby/ws", chiParam, func(a *app) http.Handler {
		r := chi.NewRouter()
		r.With(a.stack).Method("POST", "/login", a.login)
		r.With(a.stack).Method("POST", "/logout", a.logout)
		r.Route("/api", func(r chi.Router) {
			r.Use(a.stack)
			r.Route("/rooms/{room}", func(r chi.Router) { r.Handle("/ws", a.socket) })
		})
		return r
	}},
	{"chi in chi", "/rooms/lobby/ws", "/rooms/lobby/ws", chiParam, func(a *app) http.Handler {
		inner := chi.NewRouter()
		inner.Get("/ws", a.socket.ServeHTTP)
		r := chiRouter(a)
		r.Mount("/rooms/{room}", inner)
		return a.stack(r)
	}},
	{"chi in ServeMux, behind StripPrefix", "/api/rooms/lobby/ws", "/api/rooms/lobby/ws", chiParam, func(a *app) http.Handler {
		r := chi.NewRouter()
		r.Get("/rooms/{room}/ws", a.socket.ServeHTTP)
		m := serveMux(a, "GET /other")
		m.Handle("/api/", http.StripPrefix("/api", r))
		return a.stack(m)
	}},
	{"URLRouter in chi", "/rooms/lobby/ws", "/rooms/lobby/ws", pathValue, func(a *app) http.Handler {
		r := chiRouter(a)
		r.Handle("/rooms/*", routing.URLRouter(routing.Path("rooms/<str:room>/ws", a.socket)))
		return a.stack(r)
	}},
	{"gorilla/mux", "/rooms/lobby/ws", "/rooms/lobby/ws", muxVar, func(a *app) http.Handler {
		r := gorillaRouter(a)
		r.Handle("/rooms/{room}/ws", a.socket).Methods("GET")
		return a.stack(r)
	}},
	{"gorilla/mux, the stack in Use", "/api/rooms/lobby/ws", "/api/rooms/lobby/ws", muxVar, func(a *app) http.Handler {
		r := gorillaRouter(a)
		sub := r.PathPrefix("/api").Subrouter()
		sub.Handle("/rooms/{room:[a-z]+}/ws", a.socket)
		r.Use(a.stack)
		return r
	}},
}

func serveMux(a *app, pattern string) *http.ServeMux {
	m := http.NewServeMux()
	m.Handle("POST /login", a.login)
	m.Handle("POST /logout", a.logout)
	m.Handle(pattern, a.socket)
	return m
}

func chiRouter(a *app) *chi.Mux {
	r := chi.NewRouter()
	r.Method("POST", "/login", a.login)
	r.Method("POST", "/logout", a.logout)
	return r
}

func gorillaRouter(a *app) *mux.Router {
	r := mux.NewRouter()
	r.Handle("/login", a.login).Methods("POST")
	r.Handle("/logout", a.logout).Methods("POST")
	return r
}

// Under each router a socket is refused and opened as it should be, knows its user and
// what the application copied for it, shows nothing else of the request, and ends
// when its user logs out.
func TestRouters(t *testing.T) {
	for _, tt := range routerTests {
		t.Run(tt.name, func(t *testing.T) {
			site := wstest.NewServer(t, tt.build(newApp(t, quiet(), tt.room)))
			evil := func(opts *channels.DialOptions) { opts.Origin = "https://evil.example" }
			if got := site.DialRefused(tt.path).StatusCode; got != http.StatusUnauthorized {
				t.Errorf("nobody: %d, want 401", got)
			}
			logIn(t, site)
			if got := site.DialRefused(tt.path, evil).StatusCode; got != http.StatusForbidden {
				t.Errorf("another site's page: %d, want 403", got)
			}
			c := site.Dial(tt.path)
			c.Send("who?")
			room := "lobby"
			if tt.path == "/rooms/a/b/c" {
				room = "a/b/c"
			}
			c.Want("alice in " + room + " at " + tt.scope)
			site.PostForm("/logout", nil)
			c.WantClose(channels.StatusUnauthorized)
		})
	}
}
