package auth

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/channels"
)

// FirstMessage has a socket say who it is in its first message, for clients that can
// send no header and get no ticket:
//
//	first := auth.FirstMessage[Account]{Gate: gate, Verify: verify}
//	mux.Handle("/ws", srv.Handler(first.Handler(chat)))
//
// Until then nothing is served: no group is joined, no other message is read. The
// connection of a client that is logged in already may get a new expiry that way, but no
// other user.
type FirstMessage[U Identity] struct {
	Gate *Gate[U]

	// Verify says what the message is worth. Its errors are as a Verifier's, and
	// ErrMalformed for what it cannot read.
	Verify func(ctx context.Context, m channels.Message) (Grant, error)

	// Timeout is how long the client may take. Then the connection closes with 3008
	// (timeout). 0 means 10 seconds.
	Timeout time.Duration

	// Limit is how long the message may be, in bytes. A longer one is not read, and
	// closes with 1009 (message too big). 0 means 4 KiB.
	Limit int
}

const (
	defaultFirstTimeout = 10 * time.Second
	defaultFirstLimit   = 4 << 10
)

// Handler returns a handler that serves next when the client has said who it is. Otherwise
// it closes with 3000 (unauthorized), 3003 (forbidden), 1008 (policy violation) for
// what is malformed, or 1013 (try again later).
func (f FirstMessage[U]) Handler(next channels.Handler) channels.Handler {
	if f.Gate == nil || f.Verify == nil {
		panic("auth: FirstMessage needs a Gate and a Verify function")
	}
	f.Timeout = orDefault(f.Timeout, defaultFirstTimeout)
	if f.Limit <= 0 {
		f.Limit = defaultFirstLimit
	}
	return channels.HandlerFunc(func(ctx context.Context, s *channels.Socket) error {
		if err := f.admit(ctx, s); err != nil {
			return err
		}
		return next.ServeSocket(ctx, s)
	})
}

// admit reads the first message and adopts its user.
func (f *FirstMessage[U]) admit(ctx context.Context, s *channels.Socket) error {
	deadline, cancel := context.WithTimeout(ctx, f.Timeout)
	defer cancel()
	m, err := s.ReadCapped(deadline, f.Limit)
	switch {
	case err != nil && deadline.Err() != nil && ctx.Err() == nil:
		return channels.Closef(channels.StatusTimeout, "say who you are first")
	case err != nil:
		return err
	}
	grant, err := f.Verify(deadline, m)
	switch {
	case err == nil:
		err = f.adopt(deadline, grant)
	case errors.Is(err, ErrNotMine):
		err = fmt.Errorf("%w: %w", ErrDenied, err)
	case !errors.Is(err, ErrDenied) && !errors.Is(err, ErrMalformed):
		err = unavailable("verify the first message", err)
	}
	return f.Gate.closing(ctx, err)
}

// adopt makes the connection the grant's, unless it is another user's.
func (f *FirstMessage[U]) adopt(ctx context.Context, grant Grant) error {
	st := f.Gate.state(ctx)
	who, err := st.resolve(ctx)
	if err != nil {
		return err
	}
	if who.id == "" {
		return f.Gate.AdoptGrant(ctx, grant)
	}
	return f.Gate.Refresh(ctx, grant)
}

// closing turns an error into the one that closes a socket: the client is told no more
// than by the status of a response.
func (g *Gate[U]) closing(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	g.log().InfoContext(ctx, "auth: a connection is refused", "err", err)
	switch {
	case errors.Is(err, ErrMalformed):
		return channels.Closef(channels.StatusPolicyViolation, "malformed credentials")
	case errors.Is(err, ErrForbidden):
		return channels.Closef(channels.StatusForbidden, "not allowed")
	case errors.Is(err, ErrUnavailable):
		return channels.Closef(channels.StatusTryAgainLater, "logging in is not possible at the moment")
	}
	return channels.Closef(channels.StatusUnauthorized, "unauthorized")
}
