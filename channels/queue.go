package channels

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluicehq/sluice/channels/internal/frame"
)

// An outbox is what waits to be written to one socket, first in first out.
//
// First comes gather: frames made ready while the socket handles messages of which
// more have arrived, to be written together. They are bounded by one write and
// will be written in any case. Then the backlog: messages that wait, because the
// socket is slow or a broadcast has just been queued. Limits and policy are about
// the backlog.
//
// One goroutine at a time writes; it is whoever found nobody writing. Where the
// socket can be asked to take what it can at once, that is the sender itself;
// as soon as it would have to wait, a goroutine is started for the rest.
type outbox struct {
	s        *Socket
	pressed  atomic.Bool // more than half of the limits waits: settle has work
	gathered bool        // gathering, as the socket's goroutine remembers it without a lock

	mu        sync.Mutex // guards what follows; never held during I/O
	gathering bool       // the socket's goroutine will flush what is gathered
	late      bool       // a lane looks after gather within gatherTime
	writing   bool       // somebody writes
	dirty     bool       // a lane will write
	gather    *buffer
	backlog   *backlog // nil when nothing waits
	waiters   *waiter  // a list
	err       error
	dropped   uint64 // messages, as the policy says
	told      uint64 // of them, that the consumer knows of
}

// A waiter waits for the queue to get shorter.
type waiter struct {
	all  bool // until nothing is left; otherwise until half of the limits is
	done chan struct{}
	next *waiter
}

func (q *outbox) init(s *Socket) { q.s = s }

// raw reports whether a write need not wait.
func (q *outbox) raw() bool { return q.s.conn != nil && q.s.conn.raw.ok }

// send takes one message of the application's. See consume about its frame, and those
// of sendNow.
func (q *outbox) send(m Message) error {
	q.mu.Lock()
	if err := q.over(); err != nil {
		q.mu.Unlock()
		return err
	}
	if !q.writing && q.waiting() == 0 && q.s.conn != nil {
		if q.gathering && q.gatherFrame(m) {
			q.mu.Unlock()
			return nil
		}
		if q.gather != nil && q.raw() { // it is full, or what comes is too large for it
			q.writing = true
			q.mu.Unlock()
			q.drain(false)
			return q.send(m)
		}
		if q.gather == nil && q.raw() && q.s.conn.tryLockWrite() {
			q.writing = true
			q.mu.Unlock()
			return q.sendNow(m)
		}
	}
	return q.enqueue(m)
}

// enqueue puts a message into the backlog. The caller holds mu, which it unlocks.
//
//go:noinline
func (q *outbox) enqueue(m Message) error {
	if !q.admit(len(m.Data)) {
		return q.full() // unlocks
	}
	m.Data = append([]byte(nil), m.Data...)
	q.push(outbound{m: m})
	flush, soon := q.markDirty()
	q.mu.Unlock()
	switch {
	case flush:
		q.s.srv.flushLater(q.s)
	case soon:
		q.s.srv.flushSoon(q.s)
	}
	return nil
}

// deliver takes a message that many sockets get, and reports whether the caller is
// to have the socket flushed.
func (q *outbox) deliver(p *prepared) (flush bool) {
	q.mu.Lock()
	if q.err != nil {
		q.mu.Unlock()
		return false
	}
	if !q.admit(len(p.m.Data)) {
		q.full() // unlocks
		return false
	}
	q.push(outbound{prep: p})
	flush, soon := q.markDirty()
	q.mu.Unlock()
	if soon {
		q.s.srv.flushSoon(q.s)
	}
	return flush
}

// gatherFrame adds the message to what is gathered, if there is room.
func (q *outbox) gatherFrame(m Message) bool {
	conn := q.s.conn
	if len(m.Data) > copied {
		return false
	}
	if q.gather == nil {
		q.gather = getWriteBuffer()
	}
	if len(q.gather.b)+len(m.Data)+frame.MaxHeader > writeBuffer {
		return false
	}
	q.gather.b = conn.appendFrame(q.gather.b, m)
	if !q.late {
		q.late = true
		q.s.srv.flushSoon(q.s)
	}
	return true
}

// waiting returns how many messages are in the backlog.
func (q *outbox) waiting() int { return q.backlog.len() }

func (q *outbox) push(o outbound) {
	q.backlog = q.backlog.push(o)
	q.weigh()
}

// weigh notes whether the queue is more than half full.
func (q *outbox) weigh() {
	pressed := q.backlog.size() > orDefault(q.s.srv.Queue.Bytes, defaultQueueBytes)/2 ||
		q.waiting() > orDefault(q.s.srv.Queue.Messages, defaultQueueMessages)/2
	if pressed != q.pressed.Load() {
		q.pressed.Store(pressed)
	}
}

func (q *outbox) pop() (o outbound) {
	o, q.backlog = q.backlog.pop()
	q.weigh()
	return o
}

// admit makes sure that there is room for size bytes more, or reports that there
// is not.
func (q *outbox) admit(size int) bool {
	maxMessages := orDefault(q.s.srv.Queue.Messages, defaultQueueMessages)
	maxBytes := orDefault(q.s.srv.Queue.Bytes, defaultQueueBytes)
	for q.waiting() > 0 && (maxMessages > 0 && q.waiting() >= maxMessages || maxBytes > 0 && q.backlog.size()+size > maxBytes) {
		if q.s.srv.Slow != DropOldest {
			return false
		}
		q.pop()
		q.dropped++
	}
	return true
}

// Dropped returns how many messages were not sent to the socket because its queue was
// full, as [Server.Slow] says; see also [EventDropped].
func (s *Socket) Dropped() uint64 {
	s.out.mu.Lock()
	defer s.out.mu.Unlock()
	return s.out.dropped
}

// tellDropped tells the consumer of messages that were dropped, once there is room
// again: what it then sends is not dropped, too. Without consumer, or at the end, it
// tells the observer alone.
func (s *Socket) tellDropped() {
	q := &s.out
	q.mu.Lock()
	n := int(q.dropped - q.told)
	q.told = q.dropped
	q.mu.Unlock()
	if n == 0 {
		return
	}
	s.post(Event{Type: EventDropped, Missed: n})
	if s.srv.Observer != nil {
		s.srv.Observer.Dropped(s, n)
	}
}

// owing reports whether it is time for tellDropped. The lock is held.
func (q *outbox) owing() bool { return q.dropped != q.told && !q.pressed.Load() }

// load returns how much waits.
func (q *outbox) load() (messages, bytes int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.waiting(), q.backlog.size()
}

// errSlow closes a socket that does not take what it is sent.
var errSlow = &CloseError{Code: StatusTryAgainLater, Reason: "too slow"}

// full does what the policy says, and unlocks.
func (q *outbox) full() error {
	if q.s.srv.Slow == DropNewest {
		q.dropped++
		q.mu.Unlock()
		return nil
	}
	q.mu.Unlock()
	q.s.end(errSlow, false)
	return errSlow
}

// markDirty reports who is to see to it that what was just queued is written, when
// nobody does already: a lane at once, or, while the socket gathers, a lane if it has
// not been written within gatherTime.
func (q *outbox) markDirty() (flush, soon bool) {
	switch {
	case q.writing || q.dirty:
		return false, false
	case q.gathering:
		soon = !q.late
		q.late = true
		return false, soon
	}
	q.dirty = true
	return true, false
}

// beginGather makes what is sent wait until flush: more messages have arrived, and
// the answers to all are written together.
func (q *outbox) beginGather() {
	q.mu.Lock()
	q.gathering = true
	q.mu.Unlock()
}

// flush ends what beginGather began, and writes what has been gathered.
func (q *outbox) flush() {
	q.mu.Lock()
	q.gathering = false
	write := !q.writing && (q.gather != nil || q.waiting() > 0)
	if write {
		q.writing = true
	}
	q.mu.Unlock()
	if write {
		q.drain(true)
	}
}

// flushFromLane writes what waits, without waiting itself.
func (q *outbox) flushFromLane(late bool) {
	q.mu.Lock()
	if late {
		q.late = false
	} else {
		q.dirty = false
	}
	write := !q.writing && (q.gather != nil || q.waiting() > 0)
	if write {
		q.writing = true
	}
	q.mu.Unlock()
	switch {
	case !write:
	case q.raw():
		q.drain(false)
	default:
		go q.drain(true) // ends when all is written; finish waits for it
	}
}

// flushBeforeEnd writes what is queued, in the time that the close has.
func (q *outbox) flushBeforeEnd() {
	wait, cancel := context.WithTimeout(context.Background(), q.s.closeTimeout())
	defer cancel()
	q.wait(wait, true)
}

// drop forgets what has not been begun, and takes nothing more.
func (q *outbox) drop(cause error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err == nil {
		q.err = cause
	}
	q.clear()
	if !q.writing && q.gather != nil {
		putWriteBuffer(q.gather)
		q.gather = nil
	}
	q.wakeReached()
}

// clear forgets the backlog.
func (q *outbox) clear() {
	if q.backlog != nil {
		q.backlog.release()
		q.backlog = nil
	}
	q.pressed.Store(false)
}

// settle waits, before a message is read, until half of the queue's bytes have
// gone: a client that does not take answers is not asked for more questions.
func (q *outbox) settle(ctx context.Context) error {
	if !q.pressed.Load() {
		return nil
	}
	return q.wait(ctx, false)
}

// wait flushes, and waits until all is written, or until the queue is half empty.
func (q *outbox) wait(ctx context.Context, all bool) error {
	q.flush()
	q.mu.Lock()
	if err := q.over(); err != nil || q.reached(all) {
		q.mu.Unlock()
		return err
	}
	w := &waiter{all, make(chan struct{}), q.waiters}
	q.waiters = w
	q.mu.Unlock()
	select {
	case <-w.done:
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-q.s.Context().Done():
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := q.over(); err != nil || q.reached(all) {
		return err
	}
	return context.Cause(q.s.Context())
}

// over returns why nothing is taken any more, or nil. The lock is held.
func (q *outbox) over() error {
	if q.err == nil && q.s.conn != nil && q.s.conn.ending.Load() {
		return q.s.conn.ended()
	}
	return q.err
}

// waitWriter waits until nobody writes: after drop, and within CloseTimeout.
func (q *outbox) waitWriter() {
	q.mu.Lock()
	if !q.writing {
		q.mu.Unlock()
		return
	}
	w := &waiter{true, make(chan struct{}), q.waiters}
	q.waiters = w
	q.mu.Unlock()
	<-w.done
}

func (q *outbox) reached(all bool) bool {
	if all {
		return !q.writing && q.waiting() == 0 && q.gather == nil
	}
	return !q.pressed.Load()
}

// wakeReached wakes the waiters whose level has been reached.
func (q *outbox) wakeReached() {
	for at := &q.waiters; *at != nil; {
		w := *at
		if !q.reached(w.all) {
			at = &w.next
			continue
		}
		*at = w.next
		close(w.done)
	}
}

// gatherTime is how long a message may be held back to be written with others.
const gatherTime = time.Millisecond
