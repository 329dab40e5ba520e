package channels

import (
	"sync"
	"time"

	"github.com/sluicehq/sluice/channels/internal/frame"
)

// A keeper looks at connections that have the same settings every PingInterval: in a
// queue, where the one that is looked at goes to the end, with one timer for all. A
// timer for each would take 180 bytes and 2 allocations.
type keeper struct {
	interval time.Duration // 0: nobody is pinged

	mu          sync.Mutex  // guards what follows, and the places of the connections
	first, last *Conn       // in the order in which they are due
	timer       *time.Timer // runs look when the first is due; nil without connections
}

// A place is a connection's in the queue of its keeper.
type place struct {
	next, prev *Conn
	due        time.Duration // since epoch, 0 when it is not in the queue
}

// epoch is what times are told from that are kept in 8 bytes.
var epoch = time.Now()

func (k *keeper) add(c *Conn) {
	if k.interval == 0 {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.push(c)
	if k.timer == nil {
		k.timer = time.AfterFunc(k.interval, k.look)
	}
}

// push puts c at the end. The caller holds mu, as for pull.
func (k *keeper) push(c *Conn) {
	c.kept = place{prev: k.last, due: time.Since(epoch) + k.interval}
	if k.last == nil {
		k.first = c
	} else {
		k.last.kept.next = c
	}
	k.last = c
}

// pull takes c out.
func (k *keeper) pull(c *Conn) {
	if c.kept.prev == nil {
		k.first = c.kept.next
	} else {
		c.kept.prev.kept.next = c.kept.next
	}
	if c.kept.next == nil {
		k.last = c.kept.prev
	} else {
		c.kept.next.kept.prev = c.kept.prev
	}
	c.kept = place{}
}

// remove takes out a connection that has ended. The timer ends with the last one: it
// must not outlive those who started it.
func (k *keeper) remove(c *Conn) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if c.kept.due == 0 {
		return
	}
	k.pull(c)
	if k.first == nil {
		k.timer.Stop()
		k.timer = nil
	}
}

// look looks at the connections that are due.
func (k *keeper) look() {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Since(epoch)
	for c := k.first; c != nil && c.kept.due <= now; c = k.first {
		k.pull(c)
		k.push(c)
		k.mu.Unlock()
		c.tick()
		k.mu.Lock()
	}
	if k.first != nil {
		k.timer.Reset(k.first.kept.due - now)
	}
}

// tick runs every PingInterval. A peer that was heard of since the last tick is
// alive; otherwise it is pinged, and given up at the next tick: from 2 to 3
// intervals after its last byte. While the application is busy and does not
// read, nothing is held against the peer. A flag is checked here instead of
// setting a timer for each message.
func (c *Conn) tick() {
	switch {
	case c.failure() != nil:
	case c.news.And(^uint32(heard))&heard != 0 || !c.reading.Load() && !c.parked.Load():
		c.pinged = false
	case c.pinged:
		c.fail(ErrPingTimeout)
		if c.raw.ok {
			c.CloseNow()
		} else {
			go c.CloseNow() // TLS says goodbye, and may have to wait: 5 s at most
		}
	// A writer that is at work is watched by its own deadline.
	case c.tryLockWrite():
		c.pinged = true
		c.keepalivePing()
	}
}

// keepalivePing writes a ping without waiting, and gives back the right to write.
func (c *Conn) keepalivePing() {
	if c.raw.ok && !c.client {
		b := [...]byte{frame.Fin | frame.Ping, 0}
		n, err := c.rawWrite(b[:], false)
		if err == nil && n < len(b) {
			go func() { // ends within WriteTimeout
				defer c.unlockWrite()
				c.writeBlocking(b[n:])
			}()
			return
		}
		if err != nil {
			c.failWrite(err)
		}
		c.unlockWrite()
		return
	}
	go func() { // ends within WriteTimeout
		defer c.unlockWrite()
		c.writeFrame(frame.Header{Fin: true, Opcode: frame.Ping}, nil)
	}()
}
