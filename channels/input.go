package channels

import (
	"errors"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/sluicehq/sluice/channels/internal/frame"
	"github.com/sluicehq/sluice/channels/internal/utf8stream"
)

// input is the state of the reading side. It belongs to the reader; a read that
// its context ends leaves everything here for the next.
type input struct {
	buf  *buffer // buf.b[pos:] has been read and not yet consumed; nil when empty
	body *buffer // the message so far, when it is not read in one piece

	left int64         // of the payload of the data frame being read
	size int64         // of the message, by its headers
	due  time.Duration // since epoch: the deadline for the message; 0 while none is set

	controls bucket

	pos     int32
	frames  int32 // of the message
	quantum int32 // what may still come before the deadline is set anew

	key     [4]byte // of the frame
	maskPos uint8
	fin     bool // it is the message's last

	active     bool // inside a message
	compressed bool
	typ        MessageType
	utf8       utf8stream.State

	borrowed bool // the last message lies in buf or body
	fresh    bool // woken by the parker, and no message has come yet, or:
	visit    bool // to be parked again as soon as nothing is left
	large    bool // the last message was streamed, and large: the next may be, too
	capped   bool // rareState.readCap holds

	full bool // the last read got as much as it had room for: more may be there
	// first receives the first bytes of a connection that cannot be asked whether
	// it has some: so that one that is idle holds no buffer.
	first [4]byte
}

// take returns the next n bytes of what is buffered, which are consumed by it.
func (c *Conn) take(n int) []byte {
	in := &c.in
	b := in.buf.b[in.pos : int(in.pos)+n]
	in.pos += int32(n)
	return b
}

// buffered returns how many bytes have been read and not consumed.
func (c *Conn) buffered() int {
	if c.in.buf == nil {
		return 0
	}
	return len(c.in.buf.b) - int(c.in.pos)
}

// more reports whether another whole frame has already been read.
func (c *Conn) more() bool {
	return c.buffered() > 0 && frame.Whole(c.in.buf.b[c.in.pos:])
}

// fill reads what there is, at least a byte, behind what is buffered. A goroutine
// waits in it for the next message: see consume about its frame.
func (c *Conn) fill() error {
	c.beforeFill()
	if !c.raw.ok {
		return c.fillByConn()
	}
	// Woken by the parker for what may have been a pong only, the reader is
	// parked again as soon as nothing is left.
	c.raw.nowait = c.in.fresh && !c.in.active && c.buffered() == 0
	n, err := c.rawRead()
	if n == 0 {
		return c.nothingRead(err)
	}
	c.raw.nowait = false
	c.hear(n)
	return nil
}

//go:noinline
func (c *Conn) beforeFill() {
	c.compact()
	c.startClock()
}

// nothingRead takes the outcome of a rawRead that brought nothing.
//
//go:noinline
func (c *Conn) nothingRead(err error) error {
	dry := c.raw.nowait && err == syscall.EAGAIN
	c.raw.nowait = false
	if dry {
		return errParked
	}
	if err == nil {
		err = io.EOF
	}
	return c.heardOrFailed(0, err)
}

// fillByConn is fill for a connection that cannot be asked.
func (c *Conn) fillByConn() error {
	in := &c.in
	if c.buffered() > 0 {
		b := in.buf.b
		n, err := c.nc.Read(b[len(b):cap(b)])
		in.buf.b = b[:len(b)+n]
		in.full = len(b)+n == cap(b)
		return c.heardOrFailed(n, err)
	}
	c.releaseInput()
	n, err := c.nc.Read(in.first[:])
	in.full = n == len(in.first)
	if n > 0 {
		in.buf = getReadBuffer()
		in.buf.b = append(in.buf.b, in.first[:n]...)
	}
	return c.heardOrFailed(n, err)
}

// topUp reads what is there already, behind what is buffered.
func (c *Conn) topUp() error {
	c.compact()
	c.raw.nowait = true
	n, err := c.rawRead()
	c.raw.nowait = false
	switch {
	case err == syscall.EAGAIN:
		return nil
	case n == 0 && err == nil:
		err = io.EOF
	}
	return c.heardOrFailed(n, err)
}

// compact moves what is buffered to the beginning of the buffer: of a deeper one when
// more is there.
func (c *Conn) compact() {
	in := &c.in
	switch {
	case in.buf == nil:
	case in.full && c.raw.ok && cap(in.buf.b) < deepBuffer:
		in.moveTo(getDeepBuffer())
	case in.pos > 0:
		n := copy(in.buf.b, in.buf.b[in.pos:])
		in.buf.b, in.pos = in.buf.b[:n], 0
	}
}

// moveTo puts what is buffered into b, and has b for the buffer. Inlined, its 50 bytes
// would be on the stack of every goroutine that begins to wait, and over its 2 KiB.
//
//go:noinline
func (in *input) moveTo(b *buffer) {
	b.b = append(b.b, in.buf.b[in.pos:]...)
	putReadBuffer(in.buf)
	in.buf, in.pos = b, 0
}

// newBuffer gives a raw read a buffer, when there is none.
func (in *input) newBuffer() {
	in.pos = 0
	if in.full {
		in.buf = getDeepBuffer()
	} else {
		in.buf = getReadBuffer()
	}
}

// dry notes that a raw read found nothing: while it waits, a connection keeps no more
// of a buffer than it needs, and none when it is idle.
func (in *input) dry() {
	in.full = false
	switch n := len(in.buf.b); {
	case n == 0:
		putReadBuffer(in.buf)
		in.buf = nil
	case cap(in.buf.b) == deepBuffer && n < readBuffer:
		in.moveTo(getReadBuffer())
	}
}

// readInto reads what there is into p, past the buffer, which is empty.
func (c *Conn) readInto(p []byte) (int, error) {
	c.releaseInput()
	c.startClock()
	n, err := c.network().Read(p)
	c.in.full = n == len(p)
	return n, c.heardOrFailed(n, err)
}

// startClock gives the peer its time for the next part of a message. A message
// that comes in one piece never gets here.
func (c *Conn) startClock() {
	in := &c.in
	if c.set.messageTime == 0 {
		return
	}
	if !in.active && c.buffered() == 0 {
		c.stopClock() // of a control frame that came in pieces
		return
	}
	if in.due == 0 || in.quantum <= 0 {
		in.due, in.quantum = time.Since(epoch)+c.set.messageTime, messageQuantum
		c.setReadDeadline(epoch.Add(in.due))
	}
}

func (c *Conn) stopClock() {
	if c.in.due != 0 {
		c.in.due = 0
		c.setReadDeadline(time.Time{})
	}
}

// hear notes that n bytes have come: the peer is alive.
func (c *Conn) hear(n int) {
	if c.news.Load() != heard|stirred { // the load keeps the cache line shared
		c.news.Store(heard | stirred)
	}
	if c.owner != nil {
		c.owner.in.add(n)
	}
}

// heardOrFailed takes the outcome of a read from the network.
func (c *Conn) heardOrFailed(n int, err error) error {
	if n > 0 {
		c.hear(n)
		return nil
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.mu.Lock()
		woken := c.wake
		c.mu.Unlock()
		if woken {
			return errWoken
		}
		return c.failRead(StatusPolicyViolation, "message too slow")
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	err = c.fail(lost("read", err))
	c.shutdown()
	c.releaseInput()
	return err
}

// releaseInput gives the read buffer back: the reader's last act.
func (c *Conn) releaseInput() {
	if c.in.buf != nil {
		putReadBuffer(c.in.buf)
		c.in.buf, c.in.pos = nil, 0
	}
}
