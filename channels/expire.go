package channels

import (
	"container/heap"
	"slices"
	"time"
)

// expiries are the sockets that end at a time, the next one first. They share a timer:
// one for each would take 150 bytes of every socket that somebody is logged in on, for
// what happens to few. Everything is guarded by serverState.mu.
type expiries struct {
	heap  expiryHeap
	timer *time.Timer // for the first of them; nil before there was one
}

// set has s end at a time since epoch, whatever was set before.
func (x *expiries) set(s *Socket, ends time.Duration, last bool) {
	g := s.guards
	g.ends, g.last = ends, last
	if g.place > 0 {
		heap.Fix(&x.heap, int(g.place)-1)
	} else {
		heap.Push(&x.heap, s)
	}
	if x.heap[0] == s {
		x.arm(s.srv)
	}
}

// remove has s end at no time.
func (x *expiries) remove(s *Socket) {
	if s.guards.place > 0 {
		heap.Remove(&x.heap, int(s.guards.place)-1)
	}
	if len(x.heap) == 0 && x.timer != nil {
		x.timer.Stop()
	}
}

// arm sets the timer for the first.
func (x *expiries) arm(srv *Server) {
	wait := x.heap[0].guards.ends - time.Since(epoch)
	if x.timer == nil {
		x.timer = time.AfterFunc(wait, srv.expire) // its goroutine ends with the call
	} else {
		x.timer.Reset(wait)
	}
}

// expire ends the sockets whose time has come, or has that put off.
func (srv *Server) expire() {
	st := &srv.state
	var first, last []*Socket
	st.mu.Lock()
	x := &st.expiries
	for now := time.Since(epoch); len(x.heap) > 0 && x.heap[0].guards.ends <= now; {
		if s := heap.Pop(&x.heap).(*Socket); s.guards.last {
			last = append(last, s)
		} else {
			first = append(first, s)
		}
	}
	if len(x.heap) > 0 {
		x.arm(srv)
	}
	st.mu.Unlock()
	for _, s := range first {
		s.expire()
	}
	for _, s := range last {
		s.endExpired()
	}
}

// An expiryHeap implements heap.Interface.
type expiryHeap []*Socket

func (h expiryHeap) Len() int           { return len(h) }
func (h expiryHeap) Less(i, j int) bool { return h[i].guards.ends < h[j].guards.ends }

func (h expiryHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].guards.place, h[j].guards.place = int32(i+1), int32(j+1)
}

// Push implements heap.Interface.
func (h *expiryHeap) Push(x any) {
	s := x.(*Socket)
	*h = append(*h, s)
	s.guards.place = int32(len(*h))
}

// Pop implements heap.Interface.
func (h *expiryHeap) Pop() any {
	n := len(*h) - 1
	s := (*h)[n]
	(*h)[n] = nil
	*h = (*h)[:n]
	s.guards.place = 0
	return s
}

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
	if len(due) == 0 { // it was put off already, or the clock was set back
		s.guardsChanged()
		return
	}
	st := &s.srv.state
	st.mu.Lock()
	defer st.mu.Unlock()
	if s.terminated {
		return
	}
	// Whatever the Rechecker does, the socket does not stay for longer than that.
	st.expiries.set(s, time.Since(epoch)+extendTime, true)
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
