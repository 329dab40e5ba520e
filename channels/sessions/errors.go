package sessions

import "errors"

// The errors of this package, for errors.Is. What is returned wraps one of them
// with what was attempted; none of their texts holds a token or a value.
var (
	// ErrNoManager is returned by [Load] when no [Manager.Handler] is around
	// the code that calls it.
	ErrNoManager = errors.New("sessions: no session here: put (*sessions.Manager).Handler around this handler")

	// ErrDetached is returned by [Session.Set] and [Session.Save] when the
	// response's header has gone out (a socket was accepted, a body was begun)
	// and what is to be saved would have needed a cookie: any change, if all
	// data is in the cookie; with a [Store] only a new session or a renewed one.
	ErrDetached = errors.New("sessions: the header was sent, no cookie can be set any more: change the session before, or use a Store")

	// ErrUnavailable is returned when the [Store] fails: it is not known whose
	// session this is, which is not the same as nobody's. It deserves a 503.
	ErrUnavailable = errors.New("sessions: the store is unavailable")

	// ErrConflict is returned by [Session.Save] when the session was ended, or
	// the same key changed, by somebody else since it was loaded. Nothing was
	// written. [Session.Reload] gives the session as it is now.
	ErrConflict = errors.New("sessions: the session was changed elsewhere")

	// ErrTooLarge is returned by [Session.Save] when the session does not fit:
	// in a cookie 4,096 bytes with name and attributes, in a [Store]
	// [MaxStored] bytes. The session that the client has is left as it was.
	ErrTooLarge = errors.New("sessions: too much data")

	// ErrInvalidToken is returned by [Signer.Open] for every token that is not
	// good, whatever the reason.
	ErrInvalidToken = errors.New("sessions: invalid token")
)
