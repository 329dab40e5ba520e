package memnet

import (
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"
)

// A Conn is one end of a connection. Errors are those of a TCP connection: a
// *net.OpError with os.ErrDeadlineExceeded, net.ErrClosed when this end has been
// closed, io.ErrClosedPipe when the other end has; io.EOF is not wrapped.
type Conn struct {
	in, out       *stream
	local, remote net.Addr
	closed        atomic.Bool
}

var _ net.Conn = (*Conn)(nil)

// Read waits for at least one byte.
func (c *Conn) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	return n, c.wrap("read", err)
}

// Write waits until all of p is in the buffer of the other end. Concurrent Writes
// are not mixed.
func (c *Conn) Write(p []byte) (int, error) {
	n, err := c.out.Write(p)
	return n, c.wrap("write", err)
}

// CloseWrite ends the direction from here: the other end reads what has been
// written and then io.EOF.
func (c *Conn) CloseWrite() error {
	if c.closed.Load() {
		return c.wrap("close", net.ErrClosed)
	}
	c.out.end(io.ErrClosedPipe)
	return nil
}

// Close ends both directions and every Read and Write under way at either end.
// What has been written before can still be read there.
func (c *Conn) Close() error {
	if c.closed.Swap(true) {
		return c.wrap("close", net.ErrClosed)
	}
	c.out.end(net.ErrClosed)
	c.in.leave()
	return nil
}

func (c *Conn) LocalAddr() net.Addr  { return c.local }
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

func (c *Conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

func (c *Conn) SetReadDeadline(t time.Time) error  { return c.setDeadline(c.in, &c.in.read, t) }
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.setDeadline(c.out, &c.out.write, t) }

func (c *Conn) setDeadline(s *stream, d *deadline, t time.Time) error {
	if c.closed.Load() {
		return c.wrap("set", net.ErrClosed)
	}
	s.setDeadline(d, t)
	return nil
}

func (c *Conn) wrap(op string, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	return &net.OpError{Op: op, Net: c.local.Network(), Source: c.local, Addr: c.remote, Err: err}
}
