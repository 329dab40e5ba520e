package channels

import (
	"slices"
	"time"
)

// extendTime is how long a Rechecker has to put off the end of a connection that has
// expired.
const extendTime = time.Second

// expire runs when a guard's time is over: it ends the socket, unless the guard is
// Extendable and its Rechecker puts that off.
func (s *Socket) expire() {
	due, over := s.expired()
	if over {
		s.end(errExpired, false)
		return
	}
	st := &s.srv.state
	st.mu.Lock()
	defer st.mu.Unlock()
	if s.terminated || len(due) == 0 { // or put off already
		return
	}
	// Whatever the Rechecker does, the socket does not stay for longer than that.
	s.guards.expiry = time.AfterFunc(extendTime, s.endExpired)
	for _, by := range due {
		st.due.add(by, s)
	}
	s.srv.recheckDue()
}

// expired returns who may put off the end of the socket, or that nobody may.
func (s *Socket) expired() (due []Rechecker, over bool) {
	now := time.Now()
	s.scope.eachGuard(func(g *Guard) {
		switch {
		case g.Expires.IsZero() || now.Before(g.Expires):
		case !g.Extendable || g.Rechecker == nil:
			over = true
		case !slices.Contains(due, g.Rechecker):
			due = append(due, g.Rechecker)
		}
	})
	return due, over
}

// endExpired ends the socket if its time is still over.
func (s *Socket) endExpired() {
	if due, over := s.expired(); over || len(due) > 0 {
		s.end(errExpired, false)
	}
}
