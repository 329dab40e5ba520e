package channels

import (
	"errors"
	"sync"
	"time"
)

// A parker looks after the sockets of consumers that are idle. Those that have a
// goroutine it asks, at intervals, whether bytes have come since; of one for which
// none have, the goroutine ends, and the connection falls asleep. Then the poller waits
// for its descriptor, and starts another goroutine when there are bytes; or Conn.unpark
// does, when the connection is to end.
type parker struct {
	mu     sync.Mutex // guards what follows
	awake  map[*Socket]struct{}
	timer  *time.Timer // runs sweep while sockets are awake
	armed  bool
	poll   *poller // made for the first socket that is parked
	closed bool
}

// errParked is what a read ends with when its goroutine is to be given back.
var errParked = errors.New("channels: parked")

// parkable reports whether the socket can be parked at all.
func (s *Socket) parkable() bool {
	return canPoll && s.conn != nil && s.conn.pollable() && orDefault(s.srv.Park, defaultPark) > 0
}

// stayAwake lets the socket's goroutine be asked for.
func (s *Socket) stayAwake() {
	if !s.parkable() {
		return
	}
	p := &s.srv.state.parker
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	if p.awake == nil {
		p.awake = make(map[*Socket]struct{})
	}
	p.awake[s] = struct{}{}
	if p.armed {
		return
	}
	p.armed = true
	interval := orDefault(s.srv.Park, defaultPark)
	if p.timer == nil {
		p.timer = time.AfterFunc(interval, func() { s.srv.sweep(interval) })
	} else {
		p.timer.Reset(interval)
	}
}

// sweep asks the readers of idle sockets to be parked.
func (srv *Server) sweep(interval time.Duration) {
	p := &srv.state.parker
	p.mu.Lock()
	var idle []*Socket
	for s := range p.awake {
		if s.conn.news.And(^uint32(stirred))&stirred == 0 {
			idle = append(idle, s)
		}
	}
	if p.armed = len(p.awake) > 0; p.armed {
		p.timer.Reset(interval)
	}
	p.mu.Unlock()
	for _, s := range idle {
		s.conn.askToPark()
	}
}

// askToPark wakes the reader if it waits for a message.
func (c *Conn) askToPark() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil && (c.rare == nil || c.rare.retired == nil) && !c.wake && c.reading.Load() {
		c.parkAsked, c.wake = true, true
		c.readBy(past)
	}
}

// park hands the socket to the poller, and reports whether that has it: then the
// caller's goroutine is to end. It has not when something has come meanwhile.
func (s *Socket) park() bool {
	c := s.conn
	if c.buffered() > 0 || c.in.active {
		return false
	}
	c.releaseInput()
	p := &s.srv.state.parker
	p.mu.Lock()
	if p.closed { // it has been ended, too
		p.mu.Unlock()
		return false
	}
	if p.poll == nil {
		p.poll = newPoller()
	}
	poll := p.poll
	if delete(p.awake, s); len(p.awake) == 0 {
		p.awake = nil // a map keeps the room for the most that it has had
	}
	p.mu.Unlock()
	if poll != nil && c.raw.ok && !c.asleep.Load() {
		poll.leave(s)
		c.doze()
	}
	c.in.fresh, c.in.visit = true, false
	s.parkedAt = time.Since(epoch)
	c.parked.Store(true)
	if poll == nil || !poll.add(s) || c.stopped.Load() {
		// Whoever stopped the connection before it was parked has not woken it.
		if c.parked.CompareAndSwap(true, false) {
			s.stayAwake()
			c.in.fresh = false
			return false
		}
	}
	return true
}

// visit reports whether the socket was parked for long enough to be parked again as
// soon as it has done what it was woken for: one that is heard of now and then does not
// keep a goroutine for the time after. Of sockets that are woken together few have one
// at a time, which counts, as Go keeps 480 bytes for the most that there have been.
func (s *Socket) visit() bool {
	if s.parkedAt == 0 || !s.conn.raw.ok || time.Since(epoch)-s.parkedAt < orDefault(s.srv.Park, defaultPark) {
		return false
	}
	s.conn.in.visit = true
	return true
}

// unpark starts a goroutine for a socket that is parked.
func (c *Conn) unpark() {
	if c.owner != nil && c.parked.CompareAndSwap(true, false) {
		go c.owner.consume() // as the one that park ended
	}
}

// forget takes out a socket that has ended.
func (p *parker) forget(s *Socket) {
	if s.conn == nil {
		return
	}
	p.mu.Lock()
	delete(p.awake, s)
	poll := p.poll
	p.mu.Unlock()
	if poll != nil {
		poll.remove(s)
	}
}

// close ends the parker: no socket is left, but for those whose handlers do not hear
// that they have been ended.
func (p *parker) close() {
	p.mu.Lock()
	p.closed = true
	poll := p.poll
	p.poll = nil
	if p.timer != nil {
		p.timer.Stop()
	}
	p.mu.Unlock()
	if poll != nil {
		poll.close()
	}
}
