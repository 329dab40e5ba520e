package main

import (
	"embed"
	"io/fs"
	"net/http"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/auth"
)

//go:embed web
var web embed.FS

const policy = "default-src 'self'; base-uri 'none'; frame-ancestors 'none'"

func (a *app) handler() http.Handler {
	files, _ := fs.Sub(web, "web") // embedded: it is there
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServerFS(files))
	mux.HandleFunc("POST /login", a.login)
	mux.HandleFunc("POST /logout", a.logout)
	mux.Handle("/ws", a.srv.Handler(channels.Consume(func() *chatter { return &chatter{app: a} })))
	forms := http.NewCrossOriginProtection().Handler(http.MaxBytesHandler(mux, 4<<10))
	site := auth.Stack(&a.sessions, &a.gate)(forms)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("Cache-Control", "no-cache")
		site.ServeHTTP(w, r)
	})
}

func (a *app) login(w http.ResponseWriter, r *http.Request) {
	user, err := a.gate.Authenticate(r.Context(), auth.Credentials{
		Username: r.PostFormValue("username"),
		Password: r.PostFormValue("password"),
	})
	if err == nil {
		err = a.gate.Login(w, r, user)
	}
	a.goHome(w, r, err)
}

// logout ends the session, and every socket that it has opened on any process.
func (a *app) logout(w http.ResponseWriter, r *http.Request) {
	a.goHome(w, r, a.gate.Logout(w, r))
}

func (a *app) goHome(w http.ResponseWriter, r *http.Request, err error) {
	if err != nil {
		a.gate.Deny(w, r, err)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}
