package channels

import (
	"context"
	"log/slog"
)

// maxEvents is how many events may wait for one consumer.
const maxEvents = 1024

// An eventQueue is the events that wait for a consumer.
type eventQueue struct {
	receiver EventReceiver
	turn     chan struct{} // one slot: the consumer's methods take turns

	// Guarded by Socket.mu:
	waiting    []Event
	delivering bool // a goroutine does
}

// startEvents lets r be called with the events of the socket's groups.
func (s *Socket) startEvents(r EventReceiver) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = &eventQueue{receiver: r, turn: make(chan struct{}, 1)}
}

// takeTurn waits until no other method of the consumer runs.
func (s *Socket) takeTurn() error {
	if s.events == nil {
		return nil
	}
	select {
	case s.events.turn <- struct{}{}:
		return nil
	case <-s.Context().Done():
		return context.Cause(s.Context())
	}
}

func (s *Socket) giveTurn() {
	if s.events != nil {
		<-s.events.turn
	}
}

// post queues an event for the consumer and never waits.
func (s *Socket) post(e Event) {
	s.mu.Lock()
	q := s.events
	if q == nil || s.over {
		s.mu.Unlock()
		return
	}
	if len(q.waiting) >= maxEvents {
		s.mu.Unlock()
		s.end(errSlow, false)
		return
	}
	q.waiting = append(q.waiting, e)
	start := !q.delivering
	q.delivering = true
	s.mu.Unlock()
	if start {
		go s.deliverEvents(q) // ends when no event waits; stopEvents waits for it
	}
}

func (s *Socket) deliverEvents(q *eventQueue) {
	for {
		s.mu.Lock()
		batch := q.waiting
		q.waiting = nil
		if len(batch) == 0 || s.over {
			q.delivering = false
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
		for _, e := range batch {
			if !s.deliverEvent(q.receiver, e) {
				break
			}
		}
	}
}

// deliverEvent calls the consumer with one event, and reports whether it may be
// called with another.
func (s *Socket) deliverEvent(r EventReceiver, e Event) bool {
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
		return r.ReceiveEvent(ctx, s, e)
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
	q := s.events
	if q != nil {
		q.waiting = nil
	}
	s.mu.Unlock()
	if q != nil {
		q.turn <- struct{}{}
		<-q.turn
	}
}

// logError logs what goes wrong with a socket beside its handler.
func (s *Socket) logError(msg string, err error) {
	s.srv.logger().LogAttrs(s.Context(), slog.LevelError, msg, slog.Any("scope", s.scope), slog.Any("error", err))
}
