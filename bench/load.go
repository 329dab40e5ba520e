package main

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
)

// load drives many connections from one thread with one epoll set. What it sends
// was prepared before; what it receives it only counts.
type load struct {
	args    LoadArgs
	server  netip.AddrPort
	request []byte
	epoll   int
	conns   []*conn
	idle    []*conn // in the order in which they will be used
	script  script
	events  []syscall.EpollEvent
	buf     []byte
	bytes   int64
	stuck   *conn // or nil
	err     error // found between the rounds
}

// stuckPath is what a connection that never reads asks for.
const stuckPath = "/stuck"

// openStuck opens it. It holds as little as the system lets it.
func (l *load) openStuck() error {
	args := l.args
	args.Path = stuckPath
	c, err := connect(len(l.conns), l.server, handshakeRequest(args))
	if err != nil {
		return err
	}
	l.stuck = c
	if err := syscall.SetsockoptInt(c.fd, syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4<<10); err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	return c.answer(l.buf)
}

func newLoad(args LoadArgs) (*load, error) {
	server, err := netip.ParseAddrPort(args.Addr)
	if err != nil {
		return nil, err
	}
	epoll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll_create: %w", err)
	}
	return &load{
		args:    args,
		server:  server,
		request: handshakeRequest(args),
		epoll:   epoll,
		events:  make([]syscall.EpollEvent, 256),
		buf:     make([]byte, 256<<10),
	}, nil
}

// handshakesAtOnce is how many handshakes are under way together.
const handshakesAtOnce = 64

// open adds n connections.
func (l *load) open(n int) error {
	for n > 0 {
		first := len(l.conns)
		for range min(n, handshakesAtOnce) {
			c, err := connect(len(l.conns), l.server, l.request)
			if err != nil {
				return err
			}
			l.conns = append(l.conns, c)
		}
		for i, c := range l.conns[first:] {
			if err := c.answer(l.buf); err != nil {
				return err
			}
			if err := l.add(first+i, c); err != nil {
				return err
			}
		}
		n -= len(l.conns) - first
	}
	return nil
}

func (l *load) add(i int, c *conn) error {
	if l.script == nil {
		s, err := newScript(l.args, c.extension)
		if err != nil {
			return err
		}
		l.script = s
	}
	l.idle = append(l.idle, c)
	if err := syscall.EpollCtl(l.epoll, syscall.EPOLL_CTL_ADD, c.fd,
		&syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(i)}); err != nil {
		return fmt.Errorf("epoll_ctl: %w", err)
	}
	return errors.Join(c.err, l.flush(c)) // a ping may have come with the answer
}

// check sends a batch on every connection and compares what comes back.
func (l *load) check() (Traffic, error) {
	if l.args.Burst > 0 {
		if err := l.assemble(); err != nil {
			return Traffic{}, err
		}
	}
	for _, c := range l.conns {
		c.scan.collect = true
		received := c.sent
		c.scan.message = func(first byte, payload []byte) {
			if err := l.script.verify(received, first, payload); err != nil && c.err == nil {
				c.err = err
			}
			received++
		}
	}
	defer func() {
		for _, c := range l.conns {
			c.scan.collect, c.scan.message, c.scan.payload = false, nil, nil
		}
	}()
	if l.args.Burst > 0 {
		return l.round(1)
	}
	return l.round(len(l.conns) * l.args.InFlight)
}

// send begins a batch.
func (l *load) send(c *conn) error {
	c.out = l.script.batch(c.sent)
	c.sent += l.args.InFlight
	c.want = l.args.InFlight
	return l.flush(c)
}

// flush writes what the socket takes, and has epoll tell when it takes more.
func (l *load) flush(c *conn) error {
	for len(c.out) > 0 || len(c.pong) > 0 {
		if len(c.out) == 0 {
			c.out, c.pong = c.pong, nil
		}
		n, err := syscall.Write(c.fd, c.out)
		if err == syscall.EAGAIN {
			return l.arm(c, true)
		}
		if err != nil {
			return fmt.Errorf("write: %w", err)
		}
		c.out = c.out[n:]
	}
	return l.arm(c, false)
}

func (l *load) arm(c *conn, armed bool) error {
	if c.armed == armed {
		return nil
	}
	c.armed = armed
	ev := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(l.index(c))}
	if armed {
		ev.Events |= syscall.EPOLLOUT
	}
	return syscall.EpollCtl(l.epoll, syscall.EPOLL_CTL_MOD, c.fd, &ev)
}

// index is sought only when a socket's buffer is full, for large messages.
func (l *load) index(c *conn) int {
	for i := range l.conns {
		if l.conns[i] == c {
			return i
		}
	}
	return -1
}

// patience is how long a round may stand still.
const patience = 20_000 // milliseconds

// wait waits for something to read and reads it; it calls done for each
// connection whose batch is complete.
func (l *load) wait(done func(*conn) error) error {
	n, err := l.poll(patience, done)
	if n == 0 && err == nil {
		return errors.New("nothing has come for 20 seconds")
	}
	return err
}

// poll is wait for so many milliseconds, and returns how many sockets had news.
func (l *load) poll(milliseconds int, done func(*conn) error) (int, error) {
	n, err := syscall.EpollWait(l.epoll, l.events, milliseconds)
	if err == syscall.EINTR {
		return 1, nil // it is to be asked again
	}
	if err != nil {
		return 0, fmt.Errorf("epoll_wait: %w", err)
	}
	for _, ev := range l.events[:n] {
		c := l.conns[ev.Fd]
		if ev.Events&syscall.EPOLLOUT != 0 {
			if err := l.flush(c); err != nil {
				return n, err
			}
		}
		if ev.Events&^syscall.EPOLLOUT == 0 {
			continue
		}
		if err := l.read(c); err != nil {
			return n, err
		}
		if c.want == 0 {
			c.want = -1 // done once
			if err := done(c); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

func (l *load) read(c *conn) error {
	n, err := syscall.Read(c.fd, l.buf)
	if err == syscall.EAGAIN || err == syscall.EINTR {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	if n == 0 {
		return errors.New("the server hung up")
	}
	l.bytes += int64(n)
	before := c.scan.messages
	if err := c.scan.scan(l.buf[:n]); err != nil {
		return err
	}
	if c.err != nil {
		return c.err
	}
	if got := c.scan.messages - before; got > 0 {
		if got > c.want {
			return fmt.Errorf("%d messages where %d were expected", got, max(0, c.want))
		}
		c.want -= got
	}
	if len(c.pong) > 0 {
		return l.flush(c)
	}
	return nil
}

// pause reads what comes between rounds, which is pings, and answers them.
func (l *load) pause() {
	for l.err == nil {
		n, err := l.poll(0, nil)
		l.err = err
		if n == 0 {
			return
		}
	}
}

// still looks for anything that has come.
func (l *load) still() error {
	for _, c := range l.conns {
		if err := silent(c.fd); err != nil {
			return err
		}
	}
	return nil
}

// silent returns an error unless there is nothing to read from a socket.
func silent(fd int) error {
	switch n, _, err := syscall.Recvfrom(fd, make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT); {
	case err == syscall.EAGAIN:
		return nil
	case err != nil:
		return fmt.Errorf("an idle connection failed: %w", err)
	case n == 0:
		return errors.New("the server hung up on an idle connection")
	}
	return errors.New("the server sent something on an idle connection")
}

// hang closes all connections.
func (l *load) hang() {
	for _, c := range l.conns {
		syscall.Close(c.fd) // and with it its place in the epoll set
	}
	if l.stuck != nil {
		syscall.Close(l.stuck.fd)
	}
	l.conns, l.idle, l.stuck = nil, nil, nil
}
