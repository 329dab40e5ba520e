package main

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"html/template"
	"io"
	"io/fs"
	"net/http"

	"github.com/sluicehq/sluice/channels/auth"
)

//go:embed web
var web embed.FS

// policy lets the page use what this server serves, and nothing else; no script
// or style stands in the page itself, and no text can become markup.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// site is the part of the application that is plain HTTP. Its forms work without
// a script too: they answer with a redirect to the page, or with a line of text.
func (a *app) site() http.Handler {
	files, _ := fs.Sub(web, "web") // embedded: it is there
	mux := http.NewServeMux()
	mux.Handle("GET /", http.FileServerFS(files))
	mux.Handle("GET /{$}", a.page(files))
	mux.HandleFunc("GET /whoami", whoami)
	mux.HandleFunc("POST /signup", a.signup)
	mux.HandleFunc("POST /login", a.login)
	mux.HandleFunc("POST /logout", a.logout)
	mux.HandleFunc("POST /ticket", a.ticket)
	// Forms posted from other sites are refused. (A WebSocket's handshake is a GET,
	// which this lets pass: the channels.Server checks its origin.)
	return secured(http.NewCrossOriginProtection().Handler(http.MaxBytesHandler(mux, 4<<10)))
}

func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-cache")
		next.ServeHTTP(w, r)
	})
}

// page is index.html, which offers the ready accounts, and tells of the line chat.
func (a *app) page(files fs.FS) http.Handler {
	var page bytes.Buffer
	t := template.Must(template.ParseFS(files, "index.html"))
	if err := t.Execute(&page, map[string]any{"Ready": a.ready, "Line": a.line}); err != nil {
		panic(err) // the template is ours
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write(page.Bytes())
	})
}

// whoami answers {"user":"alice"}, or {"user":null} for nobody.
func whoami(w http.ResponseWriter, r *http.Request) {
	var answer struct {
		User *string `json:"user"`
	}
	if account, ok := auth.User[Account](r.Context()); ok {
		answer.User = &account.Name
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	json.NewEncoder(w).Encode(answer)
}

func (a *app) signup(w http.ResponseWriter, r *http.Request) {
	account, err := a.accounts.signUp(r.Context(), r.PostFormValue("username"), r.PostFormValue("password"))
	if why, ok := errors.AsType[refusal](err); ok {
		http.Error(w, why.Error(), http.StatusUnprocessableEntity)
		return
	}
	if err != nil {
		a.gate.Deny(w, r, err)
		return
	}
	a.enter(w, r, account)
}

func (a *app) login(w http.ResponseWriter, r *http.Request) {
	account, err := a.gate.Authenticate(r.Context(), auth.Credentials{
		Username: r.PostFormValue("username"),
		Password: r.PostFormValue("password"),
	})
	switch {
	case err == nil:
		a.enter(w, r, account)
	case errors.Is(err, auth.ErrDenied):
		http.Error(w, "That name and password do not match.", http.StatusUnauthorized)
	default:
		a.gate.Deny(w, r, err)
	}
}

// enter logs the account in and goes to the page.
func (a *app) enter(w http.ResponseWriter, r *http.Request, account Account) {
	if err := a.gate.Login(w, r, account); err != nil {
		a.gate.Deny(w, r, err)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// logout ends the session, and with it every socket that it opened.
func (a *app) logout(w http.ResponseWriter, r *http.Request) {
	if err := a.gate.Logout(w, r); err != nil {
		a.gate.Deny(w, r, err)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// ticket answers with a ticket for the line chat: good once, for half a minute.
func (a *app) ticket(w http.ResponseWriter, r *http.Request) {
	ticket, err := a.tickets.Issue(r.Context(), lineName)
	if err != nil {
		a.gate.Deny(w, r, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "text/plain")
	io.WriteString(w, ticket)
}
