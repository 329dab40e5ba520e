package redislayer

import "sync"

// A subscription is one call of Subscribe.
type subscription struct {
	line    *line
	channel string
	deliver func([]byte)
	gap     func()

	inForce bool // Subscribe has returned it; guarded by line.mu
	lost    bool // the connection was lost since: gap is due; guarded by line.mu

	mu   sync.Mutex // held while deliver or gap is called: one at a time, none after cancel
	conn int        // number of the connection that the last call was for
	over bool
}

// receive delivers a message of a connection, unless one that was made later has
// been heard already: its reader may lag behind.
func (s *subscription) receive(conn int, msg []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over || conn < s.conn {
		return
	}
	s.conn = conn
	s.deliver(msg)
}

// missed calls gap, for what was lost before a connection.
func (s *subscription) missed(conn int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over || conn < s.conn {
		return
	}
	s.conn = conn
	if s.gap != nil {
		s.gap()
	}
}

// end waits for a call that is under way.
func (s *subscription) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
}
