package channels

import (
	"context"
	"crypto/rand"
	"slices"
	"time"

	"github.com/sluicehq/sluice/channels/internal/frame"
	"github.com/sluicehq/sluice/channels/internal/mask"
)

// Write sends one message, in one frame, and returns when the network has taken
// it. It waits its turn behind other writers, with ctx; when ctx ends later, with
// the frame begun, the connection is of no more use and is closed. m.Data is not
// kept. Whether Text is UTF-8 is not checked.
func (c *Conn) Write(ctx context.Context, m Message) error {
	if err := m.Type.check(); err != nil {
		return err
	}
	if err := c.lockMessage(ctx); err != nil {
		return err
	}
	defer c.unlockWrite()
	stop := c.watchWrite(ctx)
	err := c.writeMessage(m)
	if stop != nil {
		stop()
	}
	return err
}

// tryLockWrite takes the right to write a frame, if nobody has it.
func (c *Conn) tryLockWrite() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.writing {
		return false
	}
	c.writing = true
	return true
}

// lockWrite waits for the right to write a frame, unless ctx or the connection ends
// first. Those who wait get it in their order. Nothing is locked during I/O: the
// right is a flag, and who waits has a channel.
func (c *Conn) lockWrite(ctx context.Context) error {
	if err := c.awaitWrite(ctx); err != nil {
		return err
	}
	if c.ending.Load() {
		c.unlockWrite()
		return c.ended()
	}
	return nil
}

// awaitWrite is lockWrite also for a connection that is ending.
func (c *Conn) awaitWrite(ctx context.Context) error {
	c.mu.Lock()
	if !c.writing {
		c.writing = true
		c.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	rare := c.rarely()
	rare.writers = append(rare.writers, turn)
	c.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	c.mu.Lock()
	i := slices.Index(rare.writers, turn)
	if i >= 0 {
		rare.writers = slices.Delete(rare.writers, i, i+1)
	}
	c.mu.Unlock()
	if i < 0 { // the turn has come meanwhile
		c.unlockWrite()
	}
	return context.Cause(ctx)
}

// unlockWrite gives the right to whoever waits for it first.
func (c *Conn) unlockWrite() {
	c.mu.Lock()
	defer c.mu.Unlock()
	rare := c.rare
	if rare == nil || len(rare.writers) == 0 {
		c.writing = false
		return
	}
	close(rare.writers[0])
	if rare.writers = rare.writers[1:]; len(rare.writers) == 0 {
		rare.writers = nil
	}
}

// lockMessage is lockWrite for a data frame, which must not stand among the
// fragments of another message (RFC 6455, Section 5.4).
func (c *Conn) lockMessage(ctx context.Context) error {
	for {
		if err := c.lockWrite(ctx); err != nil {
			return err
		}
		w := c.busy.Load()
		if w == nil {
			return nil
		}
		c.unlockWrite()
		select {
		case <-w.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-c.Context().Done():
			return c.failure()
		}
	}
}

// ended returns the error for a frame that is not begun any more.
func (c *Conn) ended() error {
	if err := c.failure(); err != nil {
		return err
	}
	return &closedError{"websocket: closing", nil}
}

// watchWrite lets the end of ctx break off a write that has begun.
func (c *Conn) watchWrite(ctx context.Context) (stop func() bool) {
	if c.owns(ctx) || ctx.Done() == nil {
		return nil
	}
	return context.AfterFunc(ctx, func() {
		c.fail(&closedError{"websocket: write", context.Cause(ctx)})
		c.CloseNow()
	})
}

// writeControl writes a control frame in its turn.
func (c *Conn) writeControl(ctx context.Context, opcode byte, payload []byte) error {
	if err := c.lockWrite(ctx); err != nil {
		return err
	}
	defer c.unlockWrite()
	return c.writeFrame(frame.Header{Fin: true, Opcode: opcode}, payload)
}

// writeMessage writes a message in one frame. The caller has the right to write.
func (c *Conn) writeMessage(m Message) error {
	h := frame.Header{Fin: true, Opcode: byte(m.Type)}
	if c.flate != nil && len(m.Data) >= c.flate.threshold {
		b, compressed := c.flate.compress(m.Data)
		defer putWriteBuffer(b)
		if compressed {
			h.RSV = frame.RSV1
			return c.writeFrame(h, b.b)
		}
	}
	return c.writeFrame(h, m.Data)
}

// writeFrame writes a frame, of which h has all but length and mask. The caller
// has the right to write. Up to 64 KiB header and payload are copied together and
// written at once, which costs less than writev; of a larger payload only the head is
// copied.
func (c *Conn) writeFrame(h frame.Header, payload []byte) error {
	wb := getWriteBuffer()
	defer putWriteBuffer(wb)
	h.Length = int64(len(payload))
	if c.client {
		return c.writeMasked(wb, h, payload)
	}
	b := frame.Append(wb.b, &h)
	n := headOf(payload)
	b = append(b, payload[:n]...)
	if err := c.write(b); err != nil {
		return err
	}
	if n < len(payload) {
		return c.write(payload[n:])
	}
	return nil
}

// headOf returns how much of a payload is copied behind its header.
func headOf(payload []byte) int {
	if len(payload) > together {
		return copied
	}
	return len(payload)
}

// writeInPlace writes a frame, of which h has all but length and mask, at once, from
// whole, which has room for a header in front of the payload, and is changed. The
// caller has the right to write.
func (c *Conn) writeInPlace(h frame.Header, whole []byte) error {
	payload := whole[frame.MaxHeader:]
	h.Length = int64(len(payload))
	if c.client {
		h.Masked = true
		rand.Read(h.Key[:])
		mask.XOR(payload, h.Key, 0)
	}
	var head [frame.MaxHeader]byte
	n := len(frame.Append(head[:0], &h))
	whole = whole[frame.MaxHeader-n:]
	copy(whole, head[:n])
	return c.write(whole)
}

// writeMasked writes a client's frame, masked with a key that the peer cannot
// foresee (RFC 6455, Section 5.3); the payload itself is not touched.
func (c *Conn) writeMasked(wb *buffer, h frame.Header, payload []byte) error {
	h.Masked = true
	rand.Read(h.Key[:])
	b := frame.Append(wb.b, &h)
	for pos := 0; ; {
		n := min(len(payload), together+frame.MaxHeader-len(b))
		end := len(b)
		b = b[:end+n]
		pos = mask.Copy(b[end:], payload[:n], h.Key, pos)
		if err := c.write(b); err != nil {
			return err
		}
		if payload = payload[n:]; len(payload) == 0 {
			return nil
		}
		b = b[:0]
	}
}

// write writes b, at first without asking the network to wait: nearly always it
// need not, and a deadline that is not set costs nothing.
func (c *Conn) write(b []byte) error {
	if c.raw.ok {
		n, err := c.rawWrite(b, false)
		if err != nil {
			return c.failWrite(err)
		}
		if b = b[n:]; len(b) == 0 {
			return nil
		}
	}
	return c.writeBlocking(b)
}

// writeQuantum is the part of a write that WriteTimeout is given for.
const writeQuantum = 64 << 10

// writeBlocking writes b and waits for the network, WriteTimeout for each 64 KiB: or
// for more, where the network takes it at once.
func (c *Conn) writeBlocking(b []byte) error {
	for quantum := 0; len(b) > 0; {
		if quantum <= 0 {
			c.setWriteDeadline(c.set.writeTimeout)
			quantum = writeQuantum
		}
		n, err := c.writeSome(b)
		if err != nil {
			return c.failWrite(err)
		}
		quantum -= n
		b = b[n:]
	}
	c.setWriteDeadline(0)
	return nil
}

func (c *Conn) writeSome(b []byte) (int, error) {
	if c.raw.ok {
		return c.rawWrite(b, true)
	}
	n, err := c.nc.Write(b[:min(len(b), writeQuantum)])
	if c.owner != nil {
		c.owner.sent.add(n)
	}
	return n, err
}

// failWrite ends the connection: what follows half a frame cannot be understood.
func (c *Conn) failWrite(cause error) error {
	err := c.fail(lost("write", cause))
	c.mu.Lock()
	if !c.shut {
		c.readBy(past)
	}
	c.wake = true
	c.mu.Unlock()
	c.closeTransport()
	return err
}

// random time within ±10 % of d.
func jitter(d time.Duration) time.Duration {
	if d < 10 {
		return d
	}
	var b [8]byte
	rand.Read(b[:])
	f := float64(uint32(b[0])|uint32(b[1])<<8|uint32(b[2])<<16) / (1 << 24)
	return d + time.Duration((f-0.5)*0.2*float64(d))
}
