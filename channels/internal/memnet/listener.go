package memnet

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
)

var errRefused = errors.New("connection refused")

// A Listener is a [net.Listener] whose connections come from Dial.
type Listener struct {
	config Config

	mu      sync.Mutex
	arrived *sync.Cond // with mu: queue or closed has changed
	queue   []*Conn
	closed  bool
	dialed  uint16
}

func newListener(config Config) *Listener {
	l := &Listener{config: config}
	l.arrived = sync.NewCond(&l.mu)
	return l
}

// Dial connects to l. Like a connection in a socket's backlog it need not wait
// for Accept; ctx is looked at once.
func (l *Listener) Dial(ctx context.Context) (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := context.Cause(ctx)
	if err == nil && l.closed {
		err = errRefused
	}
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: l.Addr().Network(), Addr: l.Addr(), Err: err}
	}
	config := l.config
	config.Client = netip.AddrPortFrom(config.Client.Addr(), config.Client.Port()+l.dialed)
	l.dialed++
	client, server := config.Pipe()
	l.queue = append(l.queue, server)
	l.arrived.Signal()
	return client, nil
}

// Accept waits for the next connection.
func (l *Listener) Accept() (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.queue) == 0 && !l.closed {
		l.arrived.Wait()
	}
	if l.closed {
		return nil, l.errClosed("accept")
	}
	conn := l.queue[0]
	l.queue = l.queue[1:]
	return conn, nil
}

// Close ends Accept, closes the connections that have not been accepted and
// leaves the others alone.
func (l *Listener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return l.errClosed("close")
	}
	l.closed = true
	for _, conn := range l.queue {
		conn.Close()
	}
	l.queue = nil
	l.arrived.Broadcast()
	return nil
}

func (l *Listener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.config.Server) }

func (l *Listener) errClosed(op string) error {
	return &net.OpError{Op: op, Net: l.Addr().Network(), Addr: l.Addr(), Err: net.ErrClosed}
}
