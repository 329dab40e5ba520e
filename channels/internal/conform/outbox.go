package conform

import (
	"net"
	"sync"
)

// An outbox writes to a connection in a goroutine of its own, so that a script
// which sends much never waits for an endpoint that waits for the script to read.
type outbox struct {
	conn net.Conn

	mu     sync.Mutex
	filled *sync.Cond // with mu: queue or ended has changed
	queue  [][]byte   // guarded by mu; each slice is one Write
	ended  bool       // guarded by mu: nothing more will be added
	last   func()     // guarded by mu: called when all is written
	done   chan struct{}
}

// newOutbox starts the goroutine, which lasts until end has been called and the
// queue is written or the connection closed.
func newOutbox(conn net.Conn) *outbox {
	o := &outbox{conn: conn, done: make(chan struct{})}
	o.filled = sync.NewCond(&o.mu)
	go o.run()
	return o
}

func (o *outbox) run() {
	defer close(o.done)
	for {
		o.mu.Lock()
		for len(o.queue) == 0 && !o.ended {
			o.filled.Wait()
		}
		queue := o.queue
		o.queue = nil
		ended, last := o.ended, o.last
		o.mu.Unlock()
		for _, b := range queue {
			// An endpoint that has closed early is found, and judged, by who reads.
			if _, err := o.conn.Write(b); err != nil {
				o.end()
				return
			}
		}
		if ended && len(queue) == 0 {
			if last != nil {
				last()
			}
			return
		}
	}
}

func (o *outbox) write(b ...[]byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended {
		return
	}
	o.queue = append(o.queue, b...)
	o.filled.Signal()
}

// end lets the goroutine end when all is written.
func (o *outbox) end() { o.finish(nil) }

// finish is end with something to do when all is written.
func (o *outbox) finish(last func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.ended {
		o.ended, o.last = true, last
	}
	o.filled.Signal()
}

// wait returns when the goroutine has ended.
func (o *outbox) wait() { <-o.done }
