package conform

import (
	"net"
	"slices"
	"sync"
	"time"
)

// An outbox writes to a connection in a goroutine of its own, so that a script
// which sends much never waits for an endpoint that waits for the script to read.
type outbox struct {
	conn net.Conn

	mu     sync.Mutex
	filled *sync.Cond // with mu: queue or ended has changed
	queue  []parcel   // guarded by mu
	ended  bool       // guarded by mu: nothing more will be added
	last   func()     // guarded by mu: called when all is written
	done   chan struct{}
}

// A parcel is written by one Write, after a pause.
type parcel struct {
	bytes []byte
	pause time.Duration
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
		for _, p := range queue {
			if p.pause > 0 {
				time.Sleep(p.pause)
			}
			if len(p.bytes) == 0 {
				continue
			}
			// An endpoint that has closed early is found, and judged, by who reads.
			if _, err := o.conn.Write(p.bytes); err != nil {
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

func (o *outbox) write(b []byte) { o.add(parcel{bytes: b}) }

// chop writes b in pieces of n bytes. Between the first of them a moment passes, so
// that they arrive one by one; to let it pass between all would take too long on a
// busy machine.
func (o *outbox) chop(b []byte, n int) {
	const moment, first = 50 * time.Microsecond, 40
	all := make([]parcel, 0, len(b)/n+1)
	for piece := range slices.Chunk(b, n) {
		all = append(all, parcel{bytes: piece})
	}
	for i := 1; i < min(len(all), first); i++ {
		all[i].pause = moment
	}
	o.add(all...)
}

// rest lets some time pass before what is written next.
func (o *outbox) rest(d time.Duration) { o.add(parcel{pause: d}) }

func (o *outbox) add(all ...parcel) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended {
		return
	}
	o.queue = append(o.queue, all...)
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
