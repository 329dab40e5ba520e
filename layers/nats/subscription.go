package natslayer

import (
	"context"
	"sync"

	"github.com/nats-io/nats.go"
)

// A subscription is one call of Subscribe. Its messages come on a goroutine of
// the client library, which unsubscribing ends.
type subscription struct {
	layer   *Layer
	subject string
	deliver func([]byte)
	gap     func()
	sub     *nats.Subscription

	mu      sync.Mutex // held while deliver or gap is called: one at a time, none after cancel
	over    bool
	dropped int // of sub.Dropped, that gap has been called for
}

// start returns when the server has confirmed the subscription.
func (s *subscription) start(ctx context.Context) (err error) {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	conn := s.layer.conn
	s.layer.refusals.expect(s)
	defer s.layer.refusals.forget(s)
	s.mu.Lock() // no message is looked at before s.sub is set
	s.sub, err = conn.Subscribe(s.subject, s.receive)
	s.mu.Unlock()
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			s.cancel()
		}
	}()
	if err := s.sub.SetPendingLimits(s.layer.pending[0], s.layer.pending[1]); err != nil {
		return err
	}
	// A connection that is lost from here on has gap called.
	s.layer.mu.Lock()
	s.layer.subs[s] = true
	s.layer.mu.Unlock()
	if err := conn.FlushWithContext(ctx); err != nil {
		return err
	}
	return s.layer.refusals.of(ctx, conn, s)
}

// cancel ends the subscription and waits for a call that is under way.
func (s *subscription) cancel() error {
	s.layer.mu.Lock()
	delete(s.layer.subs, s)
	s.layer.mu.Unlock()
	s.mu.Lock()
	again := s.over
	s.over = true
	s.mu.Unlock()
	if again || s.layer.conn.IsClosed() {
		return nil
	}
	return s.sub.Unsubscribe()
}

func (s *subscription) receive(m *nats.Msg) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// Messages are dropped when others wait: one of these will find out, as the
	// limits are above what a single one can be.
	if dropped, err := s.sub.Dropped(); err == nil && dropped > s.dropped {
		s.dropped = dropped
		s.callGap()
	}
	if !s.over {
		s.deliver(m.Data)
	}
}

// lost has gap called.
func (s *subscription) lost() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.callGap()
}

// callGap calls gap. The lock is held.
func (s *subscription) callGap() {
	if s.gap != nil && !s.over {
		s.gap()
	}
}
