package channels

import (
	"bytes"
	"context"
	"iter"
	"math"

	"github.com/sluicehq/sluice/channels/internal/frame"
	"github.com/sluicehq/sluice/channels/internal/mask"
)

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
	if c.flate != nil && c.flate.stream != nil {
		return c.readRest()
	}
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
	if err := c.endMessage(); err != nil {
		return Message{}, err
	}
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

// endMessage checks a message whose payload has come, as a whole, and makes the state
// ready for the next.
func (c *Conn) endMessage() error {
	in := &c.in
	// RFC 6455, Section 5.6: the whole message MUST contain valid UTF-8.
	if in.typ == TextMessage && !in.utf8.Complete() {
		return c.failRead(StatusInvalidPayload, "invalid UTF-8")
	}
	if c.set.messages > 0 && !c.receivedOne() {
		return c.failRead(StatusPolicyViolation, "too many messages")
	}
	in.active, in.fresh = false, in.visit
	in.utf8 = 0
	c.stopClock()
	return nil
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

// receivedOne counts a message, and reports whether it is within MessagesPerSecond.
func (c *Conn) receivedOne() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rarely().messages.take(c.set.messages)
}

// readBody reads the frames of a message, of which the first header has been
// read, into in.body. Text is checked as it comes; where it is compressed, before
// more of it is waited for.
func (c *Conn) readBody() error {
	in := &c.in
	for {
		for in.left > 0 {
			if !in.full && c.buffered() == 0 {
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
