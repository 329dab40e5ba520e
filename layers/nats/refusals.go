package natslayer

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// Refusals are what the server has against subscriptions. It says so in passing, before
// the answer to the ping of a flush, but the client library hands errors on from another
// goroutine, perhaps after that answer, and remembers only the last one.
type refusals struct {
	mu      sync.Mutex
	waiting map[*subscription]error // what was said of those that are not confirmed yet
	last    error                   // that was handed on
	changed chan struct{}           // closed, and replaced, when there is another, or no connection
}

func newRefusals() *refusals {
	return &refusals{waiting: make(map[*subscription]error), changed: make(chan struct{})}
}

// expect has errors looked at for s, until forget.
func (r *refusals) expect(s *subscription) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting[s] = nil
}

func (r *refusals) forget(s *subscription) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.waiting, s)
}

// handedOn is called with the errors of the connection, one after the other.
func (r *refusals) handedOn(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = err
	for s := range r.waiting {
		if refuses(err, s.subject) {
			r.waiting[s] = err
		}
	}
	r.change()
}

// disconnected ends the wait for errors of a connection that is lost.
func (r *refusals) disconnected() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.change()
}

func (r *refusals) change() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// refuses reports whether err is the server's refusal of a subscription to subject. That
// there are too many is said of none in particular: all who wait fail.
func refuses(err error, subject string) bool {
	return errors.Is(err, nats.ErrMaxSubscriptionsExceeded) ||
		errors.Is(err, nats.ErrPermissionViolation) && strings.Contains(err.Error(), "Subscription to "+strconv.Quote(subject))
}

// handOnTime is how long an error may take from the connection to handedOn, where that
// cannot be seen: a thousand times what it takes.
const handOnTime = 100 * time.Millisecond

// of returns what the server has against s, which a flush has been answered for: when
// all errors before the answer have been handed on.
func (r *refusals) of(ctx context.Context, conn *nats.Conn, s *subscription) error {
	var timeout <-chan time.Time
	for {
		r.mu.Lock()
		refused, last, changed := r.waiting[s], r.last, r.changed
		r.mu.Unlock()
		err := conn.LastError()
		switch {
		case refused != nil || err == nil || !conn.IsConnected(): // one that is made again is told of a gap
			return refused
		case err == last && errors.Is(err, nats.ErrPermissionViolation): // each of them is a value of its own
			return nil
		case err == last && timeout == nil:
			// There may be another that is the same. On a connection that has had one
			// of these Subscribe takes longer.
			timeout = time.After(handOnTime)
		}
		select {
		case <-changed:
		case <-timeout:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
