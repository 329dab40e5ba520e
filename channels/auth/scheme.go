package auth

import (
	"context"
	"net/http"
	"time"
)

// A Scheme is a way to say who one is with each request, other than the session's
// cookie: a bearer token, a ticket, the cookie of another login, a certificate. See
// [Bearer], [BearerProtocol], [Tickets.Scheme] and [Cookie]; a scheme of one's own is a
// value of this type.
type Scheme struct {
	// Name is for the log.
	Name string

	// Challenge is what a 401 offers in WWW-Authenticate: "Bearer". It may be
	// empty.
	Challenge string

	// Take returns the credential that r carries: ErrNotMine if there is none,
	// ErrMalformed if it cannot be any. It runs before the checks of a
	// handshake, so it must not look anything up. R is a shallow copy of the
	// request for Take to change: it may put another URL and Header into it (not
	// change those that are there), so that the handler does not see the token.
	Take func(r *http.Request) (token string, err error)

	// Verify says what the credential is worth. It runs at the first use of the
	// user, or when a handshake has passed its checks.
	Verify Verifier

	// ambient says that clients send the credential without being asked, see Cookie.
	ambient bool
}

// A Verifier says what a token is worth. It returns ErrDenied, or an error that
// wraps it, for one that is no good; any other error means that it could not be
// checked, which is answered with 503. It may be called by several goroutines at
// once.
type Verifier func(ctx context.Context, token string) (Grant, error)

// A Grant is what a credential is worth.
type Grant struct {
	// UserID names the user, whom the Gate loads from a backend: so the token
	// of a deactivated user is worth nothing, and connections that it opened
	// are rechecked as others are.
	UserID string

	// User, if UserID is empty, is the user as the credential describes it, of
	// the Gate's own type. No backend knows it, so only Expires and a
	// revocation end what it opened.
	User Identity

	// Backend names the backend of UserID. It may be empty when there is only
	// one.
	Backend string

	// Session is the ID of the session that the credential was issued in, if
	// any: with it go the connections that the credential opened. A request
	// that belongs to another session is refused.
	Session string

	// Issued is when the credential was issued: what is older than the last
	// RevokeUser is worth nothing. Zero means now.
	Issued time.Time

	// Expires is when the connections that the credential opened are closed.
	// Zero means never.
	Expires time.Time

	// stamp is what the user's must still be, if stamped.
	stamp   string
	stamped bool
}

// A shown credential was taken from a request, and is not verified yet.
type shown struct {
	scheme *Scheme
	token  string
}

// take takes the credentials of all schemes out of a request.
func (g *Gate[U]) take(r *http.Request) (*http.Request, []shown, error) {
	if len(g.Schemes) == 0 {
		return r, nil, nil
	}
	r = r.WithContext(r.Context())
	var list []shown
	for i := range g.Schemes {
		scheme := &g.Schemes[i]
		switch token, err := scheme.Take(r); {
		case err == nil:
			list = append(list, shown{scheme, token})
		case !isNotMine(err):
			return r, nil, err
		}
	}
	return r, list, nil
}
