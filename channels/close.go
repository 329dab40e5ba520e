package channels

import (
	"context"
	"encoding/binary"
	"net"
	"time"

	"github.com/sluicehq/sluice/channels/internal/frame"
)

// Close sends a close frame and waits for the peer's, for at most CloseTimeout
// (RFC 6455, Section 7.1.2). What the peer still sends is thrown away. Code is one
// that may be sent, or [StatusNoStatus] for a frame without a code; a longer
// reason than 123 bytes is cut. A reader in another goroutine returns an error.
// Closing again is no error and does nothing.
func (c *Conn) Close(code StatusCode, reason string) error {
	if !code.Sendable() && code != StatusNoStatus {
		return &closedError{"websocket: close code " + code.String() + " cannot be sent", nil}
	}
	reason = trimReason(reason)
	c.interrupt(&CloseError{Code: code, Reason: reason})
	return c.closeHandshake(code, reason)
}

// CloseNow closes the network connection without a close frame.
func (c *Conn) CloseNow() error {
	c.interrupt(&closedError{"websocket: closed by this side", nil})
	return c.closeTransport()
}

// closeHandshake sends the close frame, unless one was sent, waits for the peer's
// and closes the network connection.
func (c *Conn) closeHandshake(code StatusCode, reason string) error {
	defer c.shutdown()
	if err := c.sendClose(code, reason); err != nil {
		return err
	}
	deadline := time.Now().Add(c.set.closeTimeout)
	c.mu.Lock()
	waiting := !c.closeReceived && !c.shut
	if waiting {
		c.readBy(deadline)
		c.wake = true // no other deadline after this one
	}
	c.mu.Unlock()
	if waiting && c.reading.CompareAndSwap(false, true) {
		c.awaitClose()
		c.releaseInput()
		c.reading.Store(false)
	}
	return nil
}

// awaitClose skips frames until the peer's close frame, the deadline, or what is
// no frame.
func (c *Conn) awaitClose() {
	in := &c.in
	for {
		for in.left > 0 { // the rest of a frame that nobody wants any more
			if c.buffered() == 0 && c.skipRead() != nil {
				return
			}
			n := min(int64(c.buffered()), in.left)
			c.take(int(n))
			in.left -= n
		}
		var h frame.Header
		n := 0
		if c.buffered() > 0 {
			var err error
			if n, err = frame.Parse(in.buf.b[in.pos:], &h); err != nil {
				return
			}
		}
		if n == 0 {
			if c.skipRead() != nil {
				return
			}
			continue
		}
		c.take(n)
		in.left = h.Length
		if h.Opcode == frame.Close {
			c.mu.Lock()
			c.closeReceived = true
			c.mu.Unlock()
			return
		}
	}
}

// skipRead reads what there is behind what is buffered.
func (c *Conn) skipRead() error {
	in := &c.in
	if in.buf == nil {
		in.buf = getReadBuffer()
	}
	b := in.buf.b[:copy(in.buf.b, in.buf.b[in.pos:])]
	n, err := c.network().Read(b[len(b):cap(b)])
	in.buf.b, in.pos = b[:len(b)+n], 0
	if n > 0 {
		return nil
	}
	return err
}

// sendClose writes a close frame, once in a connection's life. It waits at most
// CloseTimeout for the frame that is being written, and for the network.
func (c *Conn) sendClose(code StatusCode, reason string) error {
	c.mu.Lock()
	if c.closeSent || c.shut {
		c.mu.Unlock()
		return nil
	}
	c.closeSent = true
	endBy := time.Now().Add(c.set.closeTimeout)
	c.rarely().endBy = endBy
	c.writeBy(endBy)
	c.mu.Unlock()
	c.ending.Store(true)
	var payload []byte
	if code != StatusNoStatus {
		payload = append(binary.BigEndian.AppendUint16(nil, uint16(code)), reason...)
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.set.closeTimeout)
	defer cancel()
	if c.awaitWrite(ctx) != nil {
		return &closedError{"websocket: close: the frame before it was not written in time", nil}
	}
	defer c.unlockWrite()
	return c.writeFrame(frame.Header{Fin: true, Opcode: frame.Close}, payload)
}

// lingerBytes bounds what shutdown throws away, lingerTime how long it waits.
const (
	lingerBytes = 1 << 20
	lingerTime  = time.Second
)

// shutdown ends the network connection so that the close frame arrives: a socket
// closed with unread bytes is reset, and a reset overtakes what was written. So
// this side says that it has written all (the server closes first: RFC 6455,
// Section 7.1.1), and waits, briefly, until the peer closes too.
func (c *Conn) shutdown() {
	c.mu.Lock()
	done := c.shut || !c.closeSent
	wait := min(lingerTime, c.set.closeTimeout)
	if !done {
		c.wake = true
		c.readBy(time.Now().Add(wait))
	}
	c.mu.Unlock()
	if half, ok := c.network().(interface{ CloseWrite() error }); ok && !done {
		if !c.client {
			half.CloseWrite()
		}
		b := getReadBuffer()
		for total := 0; total < lingerBytes; {
			n, err := c.network().Read(b.b[:cap(b.b)])
			if err != nil {
				break
			}
			total += n
		}
		putReadBuffer(b)
	}
	c.closeTransport()
}

// closing reports whether somebody has begun to close.
func (c *Conn) closing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closeSent || c.shut
}

// closeTransport closes the network connection, once.
func (c *Conn) closeTransport() error {
	c.mu.Lock()
	shut := c.shut
	c.shut = true
	used := c.uses > 0 // release will close it
	c.mu.Unlock()
	if shut {
		return nil
	}
	c.set.keeper.remove(c)
	c.fail(&closedError{"websocket: closed", net.ErrClosed})
	if used {
		return nil
	}
	return c.network().Close()
}
