package channels

import (
	"context"
	"slices"
	"time"
)

// A Guard is what a wrapper asks of the Server for as long as a connection lives.
// The wrapper puts it into the [Scope]; it need not know the Server, nor the
// Server what the tags mean.
type Guard struct {
	// Tags name the connection to [Server.Disconnect]: "user:42".
	Tags []string

	// Expires, when not zero, is when the connection is closed with 3000
	// (unauthorized).
	Expires time.Time

	// Extendable says that Expires may have been put off elsewhere: the Rechecker is
	// asked once more at that time, and the connection stays if it has set a
	// later one by then, or within a second.
	Extendable bool

	// Rechecker, when not nil, is asked every Interval whether the connection
	// may stay. It must be comparable, and is best one value for all
	// connections: the server asks it about many at once.
	Rechecker Rechecker

	// Interval is how often the Rechecker is asked, with a jitter of ±10 %.
	// 0 means one minute.
	Interval time.Duration
}

// A Rechecker decides, while connections are open, which of them may stay.
type Rechecker interface {
	// Recheck returns nil, when all may stay, or a slice as long as scopes: nil
	// for a connection that may stay, otherwise why it must end. A *CloseError
	// gives the close code; any other error closes with 3000 (unauthorized) and
	// is logged, not sent. It is called with at most 1,000 scopes, and by several
	// goroutines at once when there are reasons to ask before the Interval is over.
	// A rechecker that cannot tell (its database is down) returns nil: only a
	// definite answer closes a connection.
	Recheck(ctx context.Context, scopes []*Scope) []error
}

// ownedGuard is a guard with the wrapper that set it.
type ownedGuard struct {
	owner any
	guard Guard
}

// Guard sets owner's guard, in place of the one that owner set before. Owner is a
// value that identifies the wrapper, compared as a context key. A change takes
// effect at once, also on an open connection. A zero Guard removes it. The scope keeps
// g.Tags, which must not be changed any more.
func (s *Scope) Guard(owner any, g Guard) {
	s.mu.Lock()
	i := slices.IndexFunc(s.guards, func(o ownedGuard) bool { return o.owner == owner })
	empty := len(g.Tags) == 0 && g.Expires.IsZero() && g.Rechecker == nil
	switch {
	case i < 0 && !empty:
		s.guards = append(s.guards, ownedGuard{owner, g})
	case i >= 0 && empty:
		s.guards = slices.Delete(s.guards, i, i+1)
	case i >= 0:
		s.guards[i].guard = g
	}
	socket := s.socket
	s.mu.Unlock()
	if socket != nil {
		socket.guardsChanged()
	}
}

// eachGuard calls f with the guards in force.
func (s *Scope) eachGuard(f func(*Guard)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.guards {
		f(&s.guards[i].guard)
	}
}

// Guards returns the guards in force, whose Tags must not be changed.
func (s *Scope) Guards() []Guard {
	s.mu.Lock()
	defer s.mu.Unlock()
	guards := make([]Guard, len(s.guards))
	for i, o := range s.guards {
		guards[i] = o.guard
	}
	return guards
}

// LeaveGroups takes the connection out of every group that it is in, and out of their
// presence: before it becomes another user's. It does nothing on a scope without an
// open socket.
func (s *Scope) LeaveGroups() {
	s.mu.Lock()
	socket := s.socket
	s.mu.Unlock()
	if socket != nil {
		socket.leaveGroups()
	}
}

// hold makes socket the one that the scope belongs to.
func (s *Scope) hold(socket *Socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.socket = socket
}
