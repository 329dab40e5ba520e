package channels

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"math"
	"os"
	"syscall"
	"time"

	"github.com/sluicehq/sluice/channels/internal/frame"
	"github.com/sluicehq/sluice/channels/internal/mask"
	"github.com/sluicehq/sluice/channels/internal/utf8stream"
)

// input is the state of the reading side. It belongs to the reader; a read that
// its context ends leaves everything here for the next.
type input struct {
	buf  *buffer // buf.b[pos:] has been read and not yet consumed; nil when empty
	body *buffer // the message so far, when it is not read in one piece

	left int64 // of the payload of the data frame being read
	size int64 // of the message, by its headers

	controls bucket
	messages bucket

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
	timed    bool // a deadline for the message is set
	large    bool // the last message was streamed, and large: the next may be, too
	capped   bool // rareState.readCap holds

	short bool // the last read got less than it had room for: no more was there
	// first receives the first bytes of a connection that cannot be asked whether
	// it has some: so that one that is idle holds no buffer.
	first [12]byte
}

// Read returns the next message; its Data is the caller's. An error that ctx
// caused, and only that, leaves the connection usable: the next Read goes on
// where this one stopped, also within a message. Any other is final. A peer that
// closed is told by a *CloseError with its code (1005 when it gave none); a
// connection that broke, by an error for which [CloseStatus] is 1006.
func (c *Conn) Read(ctx context.Context) (Message, error) {
	if err := c.beginRead(ctx); err != nil {
		return Message{}, err
	}
	m, err := c.readMessage(false)
	if err = c.endRead(ctx, err); err != nil {
		return Message{}, err
	}
	return m, nil
}

// Messages returns the messages until the connection ends or ctx does: the last
// pair has a zero message and the error that Read returned.
func (c *Conn) Messages(ctx context.Context) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		for {
			m, err := c.Read(ctx)
			if !yield(m, err) || err != nil {
				return
			}
		}
	}
}

// Discard reads and throws away messages until the connection ends, and returns
// why: for a connection that is only written to, whose control frames must be
// answered all the same. The limits hold.
func (c *Conn) Discard(ctx context.Context) error {
	if err := c.beginRead(ctx); err != nil {
		return err
	}
	for {
		if _, err := c.readMessage(true); err != nil {
			return c.endRead(ctx, err)
		}
	}
}

// readMessage returns the next message. With borrow its Data is valid until the
// next call only and costs no allocation.
func (c *Conn) readMessage(borrow bool) (Message, error) {
	in := &c.in
	if in.borrowed {
		c.releaseMessage()
	}
	if err := c.unreadable(); err != nil {
		return Message{}, err
	}
	in.large = false
	if !in.active {
		if err := c.nextFrame(); err != nil {
			return Message{}, err
		}
		// What is still missing of a frame that fits the buffer is read into it, which
		// costs less than putting the message together: text only as far as it is there
		// already, as it is to be checked when it comes.
		for in.fin && in.left > int64(c.buffered()) && in.left <= readBuffer && c.raw.ok {
			if in.typ == TextMessage {
				if err := c.topUp(); err != nil {
					return Message{}, err
				}
				break
			}
			if err := c.fill(); err != nil {
				return Message{}, err
			}
		}
		// The usual message: one frame that has arrived whole.
		if in.fin && in.left <= int64(c.buffered()) {
			payload := c.take(int(in.left))
			in.left = 0
			if !c.client {
				mask.XOR(payload, in.key, 0)
			}
			return c.finishMessage(payload, borrow, true)
		}
	}
	if err := c.readBody(); err != nil {
		return Message{}, err
	}
	return c.finishMessage(in.soFar(), borrow, false)
}

// soFar returns what has been put together of the message.
func (in *input) soFar() []byte {
	if in.body == nil {
		return nil
	}
	return in.body.b
}

// finishMessage inflates and checks the payload of a complete message, unmasked.
// Whole says that it lies in the read buffer, unchecked; otherwise it is in.body,
// and its text has been checked as it came.
func (c *Conn) finishMessage(payload []byte, borrow, whole bool) (Message, error) {
	in := &c.in
	m := Message{in.typ, payload}
	if in.compressed {
		inflated, err := c.inflate(payload)
		if err != nil {
			return Message{}, err
		}
		m.Data = inflated
	}
	if m.Type == TextMessage && (whole || in.compressed) {
		in.utf8 = 0
		if !in.utf8.Write(m.Data) {
			return Message{}, c.failRead(StatusInvalidPayload, "invalid UTF-8")
		}
	}
	// RFC 6455, Section 5.6: the whole message MUST contain valid UTF-8.
	if m.Type == TextMessage && !in.utf8.Complete() {
		return Message{}, c.failRead(StatusInvalidPayload, "invalid UTF-8")
	}
	if !in.messages.take(c.set.messages) {
		return Message{}, c.failRead(StatusPolicyViolation, "too many messages")
	}
	c.endMessage()
	if borrow {
		in.borrowed = true
		return m, nil
	}
	if in.body != nil && cap(in.body.b) > 1<<maxMessageClass {
		in.body = nil // which is not from the pools
		return m, nil
	}
	m.Data = bytes.Clone(m.Data) // which does not clear it first
	c.releaseMessage()
	return m, nil
}

// endMessage makes the state ready for the next message.
func (c *Conn) endMessage() {
	in := &c.in
	in.active, in.fresh = false, in.visit
	in.utf8 = 0
	if in.timed {
		in.timed = false
		c.setReadDeadline(time.Time{})
	}
}

// releaseMessage gives back what the last message lies in.
func (c *Conn) releaseMessage() {
	in := &c.in
	in.borrowed = false
	if in.body != nil {
		putMessage(in.body)
		in.body = nil
	}
}

// readBody reads the frames of a message, of which the first header has been
// read, into in.body. Text is checked as it comes; where it is compressed, before
// more of it is waited for.
func (c *Conn) readBody() error {
	in := &c.in
	for {
		for in.left > 0 {
			if in.short && c.buffered() == 0 {
				if err := c.lookAhead(); err != nil {
					return err
				}
			}
			c.growBody()
			body := in.body.b
			free := body[len(body):cap(body)]
			n, err := c.readPayload(free[:min(int64(len(free)), in.left)])
			if err != nil {
				return err
			}
			in.body.b = body[:len(body)+n]
		}
		if in.fin {
			return nil
		}
		if err := c.lookAhead(); err != nil {
			return err
		}
		if err := c.nextFrame(); err != nil {
			return err
		}
	}
}

// growBody makes room for more of the message: for what has been announced, but
// for no more than three times what has come so far, so that a peer pays for what is
// allocated. To put together 1 MiB, a third of it is copied while it grows.
func (c *Conn) growBody() {
	in := &c.in
	body := in.soFar()
	if len(body) < cap(body) {
		return
	}
	room := min(in.left, int64(max(3*len(body), messageQuantum)))
	in.body = growMessage(in.body, len(body)+int(room))
}

// readPayload reads up to len(p) bytes of the current frame's payload, at least
// one, and unmasks and checks them.
func (c *Conn) readPayload(p []byte) (int, error) {
	in := &c.in
	var n int
	if c.buffered() > 0 {
		n = copy(p, c.take(min(len(p), c.buffered())))
	} else {
		var err error
		if n, err = c.readInto(p); err != nil {
			return 0, err
		}
	}
	p = p[:n]
	in.left -= int64(n)
	in.quantum -= int32(n)
	if !c.client {
		in.maskPos = uint8(mask.XOR(p, in.key, int(in.maskPos)))
	}
	// RFC 6455, Section 8.1: on bytes that are not UTF-8 the connection MUST be
	// failed; at the first of them, not when the message is complete.
	if in.typ == TextMessage && !in.compressed && !in.utf8.Write(p) {
		return 0, c.failRead(StatusInvalidPayload, "invalid UTF-8")
	}
	return n, nil
}

// nextFrame reads headers, and handles control frames, up to the header of the
// next data frame, which it checks against the message that it belongs to.
func (c *Conn) nextFrame() error {
	in := &c.in
	for {
		var h frame.Header
		n := 0
		if c.buffered() > 0 {
			var err error
			if n, err = frame.Parse(in.buf.b[in.pos:], &h); err != nil {
				return c.failRead(StatusProtocolError, err.Error())
			}
		}
		// RFC 7692, Section 6: RSV1 marks a compressed message, where agreed on.
		if h.RSV != 0 && c.flate == nil {
			return c.failRead(StatusProtocolError, frame.ErrReserved.Error())
		}
		if n == 0 || h.Control() && int64(c.buffered()-n) < h.Length {
			if err := c.fill(); err != nil {
				return err
			}
			continue
		}
		// RFC 6455, Section 5.1: a client MUST mask all frames, a server MUST NOT.
		if h.Masked == c.client {
			if c.client {
				return c.failRead(StatusProtocolError, "masked frame from a server")
			}
			return c.failRead(StatusProtocolError, "unmasked frame from a client")
		}
		if h.Control() {
			payload := c.take(n + int(h.Length))[n:]
			if h.Masked {
				mask.XOR(payload, h.Key, 0)
			}
			if err := c.control(h.Opcode, payload); err != nil {
				return err
			}
			continue
		}
		c.take(n)
		return c.beginFrame(&h)
	}
}

// beginFrame takes h as the header of the frame that follows.
func (c *Conn) beginFrame(h *frame.Header) error {
	in := &c.in
	if c.ending.Load() {
		return errWoken
	}
	switch {
	// RFC 6455, Section 5.4: a fragmented message is one frame with an opcode and
	// continuation frames; fragments of two messages MUST NOT be interleaved.
	case h.Opcode == frame.Continuation && !in.active:
		return c.failRead(StatusProtocolError, "continuation without a message")
	case h.Opcode != frame.Continuation && in.active:
		return c.failRead(StatusProtocolError, "message within a message")
	}
	if !in.active {
		in.active = true
		in.typ = MessageType(h.Opcode)
		in.compressed = h.RSV != 0
		in.frames, in.size = 0, 0
	}
	if in.frames++; c.set.fragments > 0 && int(in.frames) > c.set.fragments {
		return c.failRead(StatusPolicyViolation, "too many fragments")
	}
	// The sum cannot overflow: size is never negative, nor over the limit.
	limit := int64(math.MaxInt64)
	if size := c.messageSize(); size > 0 {
		limit = size
		if in.compressed {
			limit = packedLimit(limit)
		}
	}
	if h.Length > limit-in.size {
		return c.failRead(StatusMessageTooBig, "message too big")
	}
	in.size += h.Length
	in.fin, in.left, in.key, in.maskPos = h.Fin, h.Length, h.Key, 0
	return nil
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
		in.short = len(b)+n < cap(b)
		return c.heardOrFailed(n, err)
	}
	c.releaseInput()
	n, err := c.nc.Read(in.first[:])
	in.short = n < len(in.first)
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

// compact moves what is buffered to the beginning of the buffer.
func (c *Conn) compact() {
	in := &c.in
	if in.buf != nil && in.pos > 0 {
		n := copy(in.buf.b, in.buf.b[in.pos:])
		in.buf.b, in.pos = in.buf.b[:n], 0
	}
}

// readInto reads what there is into p, past the buffer, which is empty.
func (c *Conn) readInto(p []byte) (int, error) {
	c.releaseInput()
	c.startClock()
	n, err := c.nc.Read(p)
	c.in.short = n < len(p)
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
		if in.timed { // for a control frame that came in pieces
			in.timed = false
			c.setReadDeadline(time.Time{})
		}
		return
	}
	if !in.timed || in.quantum <= 0 {
		in.timed, in.quantum = true, messageQuantum
		c.setReadDeadline(time.Now().Add(c.set.messageTime))
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
