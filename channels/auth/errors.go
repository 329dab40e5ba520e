package auth

import (
	"errors"
	"strconv"
	"time"
)

// The errors of this package, for errors.Is. What a client is told of them is one
// sentence for each status, see [Gate.Deny].
var (
	// ErrNotMine is returned by a [Backend] that does not know what it was shown:
	// the next one is asked. A [Scheme] returns it for a request that does not
	// use it.
	ErrNotMine = errors.New("auth: not mine")

	// ErrDenied is returned for credentials that are no good. A Backend that
	// returns it is the last that is asked. (401)
	ErrDenied = errors.New("auth: denied")

	// ErrNobody is why [Gate.Require] refuses a client that is not logged in.
	// (401)
	ErrNobody = errors.New("auth: nobody is logged in")

	// ErrStale is why [Gate.Fresh] refuses a user whose login is too old. (401)
	ErrStale = errors.New("auth: the login is too old")

	// ErrForbidden is why [Gate.Permit] refuses a user. (403)
	ErrForbidden = errors.New("auth: not allowed")

	// ErrMalformed is returned for credentials that cannot be any: too long, not
	// UTF-8, shown twice, in the wrong form. Nothing was looked up. (400)
	ErrMalformed = errors.New("auth: malformed credentials")

	// ErrThrottled is what a [*ThrottledError] is. (429)
	ErrThrottled = errors.New("auth: too many attempts")

	// ErrBusy is returned when as many passwords wait to be checked as are
	// allowed to. (503)
	ErrBusy = errors.New("auth: too many logins at once")

	// ErrUnavailable is returned when a backend or a store fails: it is not known
	// who this is, which is not the same as nobody. (503)
	ErrUnavailable = errors.New("auth: cannot find out who this is")

	// ErrNoConnection is returned by what works on one connection when its
	// context belongs to none.
	ErrNoConnection = errors.New("auth: no connection here: this needs the context of a request or a socket")
)

// A ThrottledError says when the next attempt is allowed.
type ThrottledError struct{ Wait time.Duration }

func (e *ThrottledError) Error() string {
	return ErrThrottled.Error() + ", the next in " + e.Wait.Round(time.Second).String()
}

func (e *ThrottledError) Is(target error) bool { return target == ErrThrottled }

// retryAfter is the value of a Retry-After field: whole seconds, rounded up (RFC
// 9110, Section 10.2.3).
func (e *ThrottledError) retryAfter() string {
	return strconv.FormatInt(int64(max((e.Wait+time.Second-1)/time.Second, 1)), 10)
}
