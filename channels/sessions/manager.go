package sessions

import (
	"log/slog"
	"net/http"
	"time"
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
	// days; browsers keep no cookie for more than 400 days.
	Lifetime time.Duration

	// IdleTimeout is how long a session lives without being used. To use it is
	// to load it in a request. 0 means that only Lifetime ends it.
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
}

// Validate returns what is wrong with m and what to change, or nil.
func (m *Manager) Validate() error { return nil }

// Handler gives every request to next a session, loaded when it is first asked
// for and saved, if it was changed, before the response's header is written or
// the connection is hijacked. It panics with Validate's error.
func (m *Manager) Handler(next http.Handler) http.Handler { return next }

// Cookie is the name and the attributes of a session's cookie, which is always
// HttpOnly. The zero value is the strictest: "__Host-session", Secure,
// SameSite=Lax, Path=/.
type Cookie struct {
	// Name is "__Host-session" when empty; "__Secure-session" with a Domain or
	// Path, "session" with InsecureHTTP.
	Name string

	// Domain makes the cookie readable and replaceable by every host below it.
	// Empty means this host alone.
	Domain string

	// Path is "/" when empty. It is no protection: pages of one host can read
	// each other, whatever their paths.
	Path string

	// SameSite is Lax when 0.
	SameSite http.SameSite

	// Partitioned keeps one cookie for every site that embeds this one (CHIPS).
	Partitioned bool

	// InsecureHTTP leaves Secure away, so that the cookie also travels over
	// plain http, where anybody on the way can read and replace it. It is not
	// needed for localhost: see the package's documentation.
	InsecureHTTP bool
}
