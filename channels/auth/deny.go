package auth

import (
	"context"
	"errors"
	"net/http"

	"github.com/sluicehq/sluice/channels/sessions"
)

// Deny answers a request that is refused with err, through Refuse if that is set.
// Otherwise with a line of text that is the same for all reasons of a status:
//
//	400  ErrMalformed
//	401  ErrDenied, ErrNobody, ErrStale
//	403  ErrForbidden
//	429  ErrThrottled, with Retry-After
//	503  ErrUnavailable, ErrBusy, with Retry-After
//	500  anything else
//
// Handlers that call [Gate.Authenticate], [Gate.Login] or [Gate.Logout] can leave
// their errors to it.
func (g *Gate[U]) Deny(w http.ResponseWriter, r *http.Request, err error) {
	status := denyStatus(err)
	if status >= 500 && !errors.Is(err, context.Canceled) {
		g.log().ErrorContext(r.Context(), "auth: refused", "status", status, "err", err)
	}
	if g.Refuse != nil {
		g.Refuse(w, r, err)
		return
	}
	deny(w, err, g.ready().challenge)
}

// deny answers with a line of text.
func deny(w http.ResponseWriter, err error, challenges []string) {
	status := denyStatus(err)
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	switch status {
	case http.StatusUnauthorized:
		// RFC 9110, Section 15.5.2: a 401 names at least one challenge. There is
		// none for cookies, and a client ignores one that it does not know.
		if len(challenges) == 0 {
			challenges = []string{"Session"}
		}
		h["Www-Authenticate"] = append(h["Www-Authenticate"], challenges...)
	case http.StatusTooManyRequests:
		if throttled, ok := errors.AsType[*ThrottledError](err); ok {
			h.Set("Retry-After", throttled.retryAfter())
		}
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", "5")
	}
	http.Error(w, denyText(status), status)
}

func denyStatus(err error) int {
	switch {
	case errors.Is(err, ErrMalformed):
		return http.StatusBadRequest
	case errors.Is(err, ErrDenied), errors.Is(err, ErrNobody), errors.Is(err, ErrStale):
		return http.StatusUnauthorized
	case errors.Is(err, ErrForbidden):
		return http.StatusForbidden
	case errors.Is(err, ErrThrottled):
		return http.StatusTooManyRequests
	case errors.Is(err, ErrUnavailable), errors.Is(err, ErrBusy), errors.Is(err, sessions.ErrUnavailable):
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

func denyText(status int) string {
	switch status {
	case http.StatusBadRequest:
		return "The credentials are malformed."
	case http.StatusUnauthorized:
		return "Please log in."
	case http.StatusForbidden:
		return "You may not do that."
	case http.StatusTooManyRequests:
		return "Too many attempts. Please wait."
	case http.StatusServiceUnavailable:
		return "Logging in is not possible at the moment."
	}
	return "Something went wrong."
}
