//go:build unix

package channels

import (
	"net"
	"syscall"
)

// rawIO asks the socket itself, without waiting: a reader holds a buffer only
// once there are bytes for it, and a writer sets a deadline only when it must
// wait. It serves plain TCP and Unix sockets; others go by net.Conn alone.
type rawIO struct {
	ok     bool
	nowait bool // a read is not to wait: it returns EAGAIN
	conn   syscall.RawConn
	read   func(fd uintptr) bool // tryRead and tryWrite, bound once
	write  func(fd uintptr) bool
	fd     int32 // once it has been parked
	rn     int
	rerr   error
	out    []byte
	wn     int
	werr   error
}

func (c *Conn) initRaw() {
	var conn syscall.RawConn
	var err error
	switch nc := c.nc.(type) { // the very types: a wrapper wants to see each byte
	case *net.TCPConn:
		conn, err = nc.SyscallConn()
	case *net.UnixConn:
		conn, err = nc.SyscallConn()
	default:
		return
	}
	if err != nil {
		return
	}
	c.raw = rawIO{ok: true, conn: conn, read: c.tryRead, write: c.tryWrite}
}

// rawRead waits for bytes and reads them behind what is buffered: 0 at the end.
func (c *Conn) rawRead() (int, error) {
	if err := c.raw.conn.Read(c.raw.read); err != nil {
		return 0, err
	}
	return c.raw.rn, c.raw.rerr
}

// tryRead reads what there is. It is called again when the socket has become
// readable, and must read before it may say that there is nothing.
func (c *Conn) tryRead(fd uintptr) bool {
	in := &c.in
	if in.buf == nil {
		in.buf, in.pos = getReadBuffer(), 0
	}
	b := in.buf.b
	n, err := ignoringEINTR(syscall.Read, fd, b[len(b):cap(b)])
	if err == syscall.EAGAIN {
		if len(b) == 0 { // an idle connection keeps no buffer
			putReadBuffer(in.buf)
			in.buf = nil
		}
		c.raw.rn, c.raw.rerr = 0, err
		return c.raw.nowait
	}
	c.raw.rn, c.raw.rerr = max(n, 0), err
	in.buf.b = b[:len(b)+c.raw.rn]
	in.short = len(in.buf.b) < cap(b)
	return true
}

// rawWrite writes what the socket takes at once.
func (c *Conn) rawWrite(b []byte) (int, error) {
	c.raw.out = b
	err := c.raw.conn.Write(c.raw.write)
	c.raw.out = nil
	if err != nil {
		return 0, err
	}
	if c.raw.werr == syscall.EAGAIN {
		return 0, nil
	}
	return c.raw.wn, c.raw.werr
}

func (c *Conn) tryWrite(fd uintptr) bool {
	n, err := ignoringEINTR(syscall.Write, fd, c.raw.out)
	c.raw.wn, c.raw.werr = max(n, 0), err
	return true
}

func ignoringEINTR(call func(int, []byte) (int, error), fd uintptr, b []byte) (int, error) {
	for {
		n, err := call(int(fd), b)
		if err != syscall.EINTR {
			return n, err
		}
	}
}
