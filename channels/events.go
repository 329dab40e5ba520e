package channels

import (
	"context"
	"log/slog"
)

// maxEvents is how many events may wait for one consumer.
const maxEvents = 1024

// startEvents lets r be called with the events of the socket's groups.
func (s *Socket) startEvents(r EventReceiver) {
	s.turn = make(chan struct{}, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.consumer = r
}

// takeTurn waits until no other method of the consumer runs.
func (s *Socket) takeTurn() error {
	if s.turn == nil {
		return nil
	}
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-s.ctx.Done():
		return context.Cause(s.ctx)
	}
}

func (s *Socket) giveTurn() {
	if s.turn != nil {
		<-s.turn
	}
}

// post queues an event for the consumer and never waits.
func (s *Socket) post(e Event) {
	s.mu.Lock()
	if s.consumer == nil || s.over {
		s.mu.Unlock()
		return
	}
	if len(s.events) >= maxEvents {
		s.mu.Unlock()
		s.end(errSlow, false)
		return
	}
	s.events = append(s.events, e)
	start := !s.eventing
	s.eventing = true
	s.mu.Unlock()
	if start {
		go s.deliverEvents() // ends when no event waits; stopEvents waits for it
	}
}

func (s *Socket) deliverEvents() {
	for {
		s.mu.Lock()
		if len(s.events) == 0 || s.over {
			s.events, s.eventing = nil, false
			s.mu.Unlock()
			return
		}
		batch := s.events
		s.events = nil
		s.mu.Unlock()
		for _, e := range batch {
			if !s.deliverEvent(e) {
				break
			}
		}
	}
}

// deliverEvent calls the consumer with one event, and reports whether it may be
// called with another.
func (s *Socket) deliverEvent(e Event) bool {
	if s.takeTurn() != nil {
		return false
	}
	err := s.serve(HandlerFunc(func(ctx context.Context, _ *Socket) error {
		s.mu.Lock()
		over := s.over
		s.mu.Unlock()
		if over || ctx.Err() != nil {
			return nil
		}
		return s.consumer.ReceiveEvent(ctx, s, e)
	}))
	s.giveTurn()
	if err != nil {
		s.end(s.closeError(err), true)
		return false
	}
	return true
}

// stopEvents lets no further event be delivered, and waits for the one that is.
func (s *Socket) stopEvents() {
	s.mu.Lock()
	s.over = true
	s.events = nil
	s.mu.Unlock()
	if s.turn != nil {
		s.turn <- struct{}{}
		<-s.turn
	}
}

// socketError logs what goes wrong with a socket beside its handler.
func (s *Socket) logError(msg string, err error) {
	s.srv.logger().LogAttrs(s.ctx, slog.LevelError, msg, slog.Any("scope", s.scope), slog.Any("error", err))
}
