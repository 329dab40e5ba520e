package channels

import "sync"

// A backlog is the messages that wait for one socket, first in first out. An idle
// socket has none: it comes from a pool with the first message and goes back with the
// last, so that a broadcast now and then allocates nothing. Nil is an empty one.
type backlog struct {
	list  []outbound
	first int // list[first:] still waits
	bytes int // of its payloads
}

// An outbound is one message that waits: its payload, or, when many sockets get
// it, what has been prepared for all.
type outbound struct {
	m    Message
	prep *prepared
}

func (o *outbound) size() int {
	if o.prep != nil {
		return len(o.prep.m.Data)
	}
	return len(o.m.Data)
}

var backlogs = sync.Pool{New: func() any { return &backlog{list: make([]outbound, 0, 1)} }}

// keptBacklog is for how many messages a backlog in the pool has room, at most.
const keptBacklog = 16

// release gives b back. It is empty, or its messages are forgotten.
func (b *backlog) release() {
	clear(b.list)
	b.list, b.first, b.bytes = b.list[:0], 0, 0
	if cap(b.list) <= keptBacklog {
		backlogs.Put(b)
	}
}

// len returns how many messages wait.
func (b *backlog) len() int {
	if b == nil {
		return 0
	}
	return len(b.list) - b.first
}

// size returns the bytes of their payloads.
func (b *backlog) size() int {
	if b == nil {
		return 0
	}
	return b.bytes
}

// next returns the first message, which there is.
func (b *backlog) next() *outbound { return &b.list[b.first] }

// push adds o, and returns b, or one that has been made.
func (b *backlog) push(o outbound) *backlog {
	if b == nil {
		b = backlogs.Get().(*backlog)
	}
	b.list = append(b.list, o)
	b.bytes += o.size()
	return b
}

// pop takes the first message out, and returns it and b, or nil when it was the last.
func (b *backlog) pop() (outbound, *backlog) {
	o := b.list[b.first]
	b.list[b.first] = outbound{}
	b.bytes -= o.size()
	if b.first++; b.first == len(b.list) {
		b.release()
		return o, nil
	}
	return o, b
}
