package sessions

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/internal/stack"
)

// A Manager says what sessions are like, and puts them around handlers. With
// Keys alone it is ready, and secure:
//
//	sess := &sessions.Manager{Keys: keys}
//	http.ListenAndServe("localhost:8080", sess.Handler(mux))
//
// It must not be changed or copied once Handler was called.
type Manager struct {
	// Keys sign the cookies. They are needed unless there is a Store.
	Keys Keyring

	// Store keeps the data on the server, and the cookie has a random token
	// only. Nil puts all data into the signed cookie, which the client can
	// read, but not change, and which nobody can take back before it expires.
	Store Store

	// Cookie is the cookie's name and attributes.
	Cookie Cookie

	// Lifetime is how long a session lives, however much it is used. 0 means 14
	// days; more than 400 days, for which no browser keeps a cookie, is an
	// error, and so is less than a second.
	Lifetime time.Duration

	// IdleTimeout is how long a session lives without being used, which is being
	// loaded in a request. It counts from the last use that was recorded, which
	// may be up to a tenth of it before the last one. 0 means that only
	// Lifetime ends a session.
	IdleTimeout time.Duration

	// BrowserSession leaves it to the browser to forget the session when it is
	// closed; Lifetime ends it all the same. [Session.SetExpiry] overrides it
	// for one session ("remember me").
	BrowserSession bool

	// Logger gets a line for what is suspicious or fails. Nil means
	// [slog.Default].
	Logger *slog.Logger

	// Refuse answers in place of the handler when its session could not be
	// saved. Nil answers 503 for [ErrUnavailable], 409 for [ErrConflict] and 500
	// for anything else, with a line of text.
	Refuse func(w http.ResponseWriter, r *http.Request, err error)

	once  sync.Once
	rules *rules // set by once
	err   error  // set by once
}

// rules are a Manager's fields as they are used: checked, with the defaults.
type rules struct {
	store    Store
	signer   *Signer // of cookies; unused with a store
	cookie   cookieLine
	lifetime int64 // seconds
	idle     int64 // seconds; 0: none
	browser  bool
	logger   *slog.Logger
	refuse   func(http.ResponseWriter, *http.Request, error)
}

const defaultLifetime = 14 * 24 * time.Hour

// cookiePurpose is what the keys of session cookies are derived for.
const cookiePurpose = "sluice/sessions cookie"

// Validate returns what is wrong with m and what to change, or nil.
func (m *Manager) Validate() error {
	_, err := m.check()
	return err
}

func (m *Manager) check() (*rules, error) {
	line, err := m.Cookie.line()
	if err != nil {
		return nil, err
	}
	lifetime := m.Lifetime
	if lifetime == 0 {
		lifetime = defaultLifetime
	}
	switch {
	case m.Keys.IsZero() && m.Store == nil:
		return nil, errors.New("sessions: Manager.Keys is empty: set it, for example to what KeyFile returns, or set Manager.Store")
	case lifetime < time.Second || lifetime > maxLife:
		return nil, fmt.Errorf("sessions: Manager.Lifetime %v: choose from 1s to 400 days; 0 means 14 days", m.Lifetime)
	case m.IdleTimeout != 0 && m.IdleTimeout < 10*time.Second:
		return nil, fmt.Errorf("sessions: Manager.IdleTimeout %v: choose 10s or more; 0 means none", m.IdleTimeout)
	}
	r := &rules{
		store:    m.Store,
		cookie:   line,
		lifetime: int64(lifetime / time.Second),
		idle:     int64(m.IdleTimeout / time.Second),
		browser:  m.BrowserSession,
		logger:   m.Logger,
		refuse:   m.Refuse,
	}
	if r.store == nil {
		r.signer = m.Keys.Derive(cookiePurpose)
	}
	if r.refuse == nil {
		r.refuse = refuse
	}
	return r, nil
}

// Handler gives every request to next a session, loaded when it is first asked
// for and saved, if it was changed, before the response's header is written or
// the connection is hijacked. It panics with Validate's error, and for a nil handler.
//
// A response of status 500 or more, one to HEAD or OPTIONS, a 304, and the refusal
// of a WebSocket handshake make no session and set no cookie; what was changed is
// dropped. A Destroy takes effect all the same.
//
// When the session cannot be saved, the handler's whole response is replaced
// (see Manager.Refuse), and what it writes returns the error.
func (m *Manager) Handler(next http.Handler) http.Handler {
	m.once.Do(func() { m.rules, m.err = m.check() })
	if m.err != nil {
		panic(m.err)
	}
	if next == nil {
		panic("sessions: Manager.Handler: the handler is nil")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		serve(m.rules, next, w, r)
	})
}

// slotKey is the key of the session in a scope.
type slotKey struct{}

func serve(rules *rules, next http.Handler, w http.ResponseWriter, r *http.Request) {
	scope, r := channels.EnsureScope(r)
	if outer, ok := scope.Value(slotKey{}).(*Session); ok {
		if outer.rules != rules {
			panic("sessions: two Managers around one handler: a connection has one session, use one Manager")
		}
		next.ServeHTTP(w, r)
		return
	}
	if scope.Protocol() == "websocket" {
		stack.Reserve()
	}
	rw := &responseWriter{ResponseWriter: w, request: r, cookies: r.Header["Cookie"]}
	rw.session = newSession(rules, scope.Start().Unix(), &rw.cookies)
	scope.SetValue(slotKey{}, rw.session)
	defer rw.finish()
	next.ServeHTTP(rw, r)
	rw.returned = true
}

func (r *rules) log() *slog.Logger {
	if r.logger != nil {
		return r.logger
	}
	return slog.Default()
}

// refuse is what Manager.Refuse is when it is nil.
func refuse(w http.ResponseWriter, _ *http.Request, err error) {
	switch {
	case errors.Is(err, ErrUnavailable):
		w.Header().Set("Retry-After", "5")
		http.Error(w, "Sessions are not available at the moment.", http.StatusServiceUnavailable)
	case errors.Is(err, ErrConflict):
		http.Error(w, "The session was changed by another request. Please try again.", http.StatusConflict)
	default:
		http.Error(w, "The session could not be saved.", http.StatusInternalServerError)
	}
}
