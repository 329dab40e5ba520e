package channels

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// A lane writes to sockets on behalf of those who must not wait for them: it is
// given sockets that something was queued for, and asks each to take what it can.
// While one lane's goroutine works, or before it is scheduled, more is queued: a
// burst of broadcasts becomes one write per socket. There is a lane for each
// processor, and a goroutine only while there is work.
type lane struct {
	mu      sync.Mutex // guards what follows
	dirty   []*Socket
	running bool
	late    []*Socket
	timer   *time.Timer // runs expire once late is not empty
	armed   bool
}

func newLanes() []lane { return make([]lane, runtime.GOMAXPROCS(0)) }

var laneTurn atomic.Uint32

// nextLane returns the lanes in turn.
func (srv *Server) nextLane() *lane {
	lanes := srv.state.lanes
	return &lanes[laneTurn.Add(1)%uint32(len(lanes))] // unsigned: an int of 32 bits would be negative some day
}

// laneChunk is how many sockets a lane is given at once: a large group's are spread
// over the processors.
const laneChunk = 256

// flushLater has the sockets written to, by lanes.
func (srv *Server) flushLater(sockets ...*Socket) {
	lanes := srv.state.lanes
	for len(sockets) > 0 {
		n := min(len(sockets), laneChunk)
		if len(lanes) == 1 {
			n = len(sockets)
		}
		srv.nextLane().add(sockets[:n])
		sockets = sockets[n:]
	}
}

func (l *lane) add(sockets []*Socket) {
	l.mu.Lock()
	l.dirty = append(l.dirty, sockets...)
	start := !l.running
	l.running = true
	l.mu.Unlock()
	if start {
		go l.run() // ends when nothing is left to write; it never waits
	}
}

func (l *lane) run() {
	for {
		l.mu.Lock()
		batch := l.dirty
		l.dirty = nil
		if len(batch) == 0 {
			l.running = false
			l.mu.Unlock()
			return
		}
		l.mu.Unlock()
		for _, s := range batch {
			s.out.flushFromLane(false)
		}
	}
}

// flushSoon sees to it that what s gathers is written within gatherTime, also when
// its handler is at work for longer. One timer serves all sockets of a lane.
func (srv *Server) flushSoon(s *Socket) {
	l := srv.nextLane()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.late = append(l.late, s)
	if l.armed {
		return
	}
	l.armed = true
	if l.timer == nil {
		l.timer = time.AfterFunc(gatherTime, l.expire)
	} else {
		l.timer.Reset(gatherTime)
	}
}

func (l *lane) expire() {
	l.mu.Lock()
	late := l.late
	l.late = nil
	l.armed = false
	l.mu.Unlock()
	for _, s := range late {
		s.out.flushFromLane(true)
	}
}
