package auth

import (
	"errors"
	"net/http"
)

// Cookie is the scheme of a site that has a login of its own already: the value of its
// cookie, which verify looks up where the site keeps its logins.
//
// A browser sends a cookie whether its login has ended or not. So where verify returns
// ErrDenied, or the user is gone, or the login was revoked, the visitor is nobody, who can
// be shown a login page; with any other scheme that is a 401. A cookie that is empty, has
// more than 8,192 bytes, or is there twice with different values is none.
//
// The connections of a login close at [Grant.Expires], and as soon as the site's logout
// gives its [Grant.Session] to [Gate.RevokeSession]. Let that be a name that is no
// secret, such as a hash of the cookie's value: it stands in logs. Set
// [Gate.SessionLifetime] to how long the site's logins live.
func Cookie(name string, verify Verifier) Scheme {
	if name == "" {
		panic("auth: Cookie: the name is empty")
	}
	take := func(r *http.Request) (string, error) { return takeCookie(r, name) }
	return Scheme{Name: "cookie " + name, Take: take, Verify: verify, ambient: true}
}

func takeCookie(r *http.Request, name string) (string, error) {
	var value string
	for _, c := range r.CookiesNamed(name) {
		if value != "" && c.Value != value {
			return "", ErrNotMine // one of them was planted, from a sibling host perhaps
		}
		value = c.Value
	}
	if value == "" || len(value) > maxToken {
		return "", ErrNotMine
	}
	return value, nil
}

// isNone reports whether a credential that is no good, for the reason err, counts as none:
// the client may not know that it shows one.
func (s *Scheme) isNone(err error) bool { return s.ambient && errors.Is(err, ErrDenied) }
