//go:build unix

package channels

import (
	"crypto/tls"
	"net"
	"sync"
	"syscall"
)

// rawIO asks the socket itself, without waiting: a reader holds a buffer only
// once there are bytes for it, and a writer sets a deadline only when it must
// wait. It serves plain TCP and Unix sockets; others go by net.Conn alone, and of those
// TLS over TCP can be parked.
type rawIO struct {
	conn   syscall.RawConn       // nil while asleep
	read   func(fd uintptr) bool // made once
	errno  errno                 // of the last read
	fd     int32                 // the descriptor, while the poller knows it, or asleep; else -1
	ok     bool
	nowait bool // a read is not to wait: it returns EAGAIN
}

// An errno is a syscall.Errno in the four bytes that it needs, 0 for none.
type errno uint32

func (c *Conn) initRaw() {
	var conn syscall.RawConn
	var err error
	switch nc := c.nc.(type) { // the very types: a wrapper wants to see each byte
	case *net.TCPConn:
		conn, err = nc.SyscallConn()
	case *net.UnixConn:
		conn, err = nc.SyscallConn()
	case *tls.Conn:
		if below, ok := nc.NetConn().(*net.TCPConn); ok {
			if conn, err = below.SyscallConn(); err == nil {
				c.raw = rawIO{conn: conn, fd: -1} // to wait for bytes alone
			}
		}
		return
	default:
		return
	}
	if err != nil {
		return
	}
	c.raw = rawIO{ok: true, conn: conn, read: c.reader(), fd: -1}
}

// pollable reports whether the poller can wait for the connection's bytes. In a TLS
// connection it can once a read has had to wait: then all that was there has been taken.
func (c *Conn) pollable() bool { return c.raw.ok || c.raw.conn != nil }

// rawRead waits for bytes and reads them behind what is buffered: 0 at the end.
func (c *Conn) rawRead() (int, error) {
	had := c.buffered()
	for {
		if c.in.buf == nil {
			c.in.newBuffer() // not in read: where that is, a new one would make a small stack grow
		}
		if !c.asleep.Load() || !c.readAsleep() {
			if err := c.raw.conn.Read(c.raw.read); err != nil {
				return 0, err
			}
		}
		switch {
		case c.raw.errno == 0:
			return c.buffered() - had, nil
		case c.raw.errno != errno(syscall.EAGAIN) || c.raw.nowait:
			return 0, syscall.Errno(c.raw.errno)
		}
	}
}

// reader returns what reads what there is, into the buffer. When it returns false it is
// to be called again once the socket has become readable; if it has given the buffer back
// meanwhile, it then leaves it to rawRead to begin anew. It must read before it may say
// that there is nothing. (As a method it would need a frame more; see consume.)
func (c *Conn) reader() func(fd uintptr) bool {
	return func(fd uintptr) bool {
		in := &c.in
		if in.buf == nil {
			return true
		}
		b := in.buf.b
		room := b[len(b):cap(b)]
		if in.large && len(b) == 0 && !in.full {
			// What follows the beginning is read to where it is streamed to: a system call
			// more costs less than copying 64 KiB.
			room = room[:firstOfLarge]
		}
		n, err := syscall.Read(int(fd), room)
		for err == syscall.EINTR {
			n, err = syscall.Read(int(fd), room)
		}
		if err != nil {
			return c.notRead(err)
		}
		c.raw.errno = 0
		in.buf.b = b[:len(b)+n]
		in.full = n == len(room)
		return true
	}
}

// firstOfLarge is how much is read at first of a message that may be large.
const firstOfLarge = 4 << 10

// notRead notes why nothing was read, and reports whether that is final.
//
//go:noinline
func (c *Conn) notRead(err error) bool {
	no, _ := err.(syscall.Errno) // which every error of syscall.Read is
	c.raw.errno = errno(no)
	if err != syscall.EAGAIN {
		return true
	}
	c.in.dry()
	return c.raw.nowait
}

// A rawWriter is one write that does not wait. They are pooled, as an idle
// connection needs none.
type rawWriter struct {
	try  func(fd uintptr) bool // writes, made once
	wait bool                  // until something can be written
	b    []byte
	n    int
	err  error
}

var rawWriters = sync.Pool{New: func() any {
	w := new(rawWriter)
	w.try = func(fd uintptr) bool {
		w.n, w.err = syscall.Write(int(fd), w.b)
		for w.err == syscall.EINTR {
			w.n, w.err = syscall.Write(int(fd), w.b)
		}
		return !w.wait || w.err != syscall.EAGAIN
	}
	return w
}}

// rawWrite writes what the socket takes at once; with wait, as soon as it takes
// something.
func (c *Conn) rawWrite(b []byte, wait bool) (int, error) {
	w := rawWriters.Get().(*rawWriter)
	w.b, w.wait = b, wait
	var err error
	if !c.asleep.Load() || !c.writeAsleep(w) {
		err = c.raw.conn.Write(w.try)
	}
	n, werr := w.n, w.err
	w.b = nil
	rawWriters.Put(w)
	switch {
	case err != nil:
		return 0, err
	case werr == syscall.EAGAIN:
		return 0, nil
	case werr != nil:
		return 0, werr
	}
	if c.owner != nil {
		c.owner.sent.add(n)
	}
	return n, nil
}
