// Package faults has a TCP proxy that does to connections what networks do:
// it cuts, delays, holds up and halves.
package faults

import (
	"net"
	"sync"
	"testing"
	"time"
)

// A Proxy forwards connections to a target, and what is wrong with them can be
// changed while they are open. A new Proxy does nothing wrong.
type Proxy struct {
	listener net.Listener
	network  string
	work     sync.WaitGroup // accept, and two goroutines for each connection

	mu      sync.Mutex
	target  string
	changed *sync.Cond // with mu: state
	state   state
	links   map[*link]bool
}

// A link is a connection through the proxy.
type link struct {
	client, server net.Conn
	deaf           bool // the client hears nothing of what the target says; guarded by Proxy.mu
}

type state struct {
	closed   bool
	cut      bool
	held     bool
	halve    bool // forward half of the next piece, then cut its connection
	delay    time.Duration
	accepted int
}

// NewProxy listens on a free port of 127.0.0.1 and forwards to target, a TCP address
// or, when network is "unix", a socket's path, until Close is called.
func NewProxy(network, target string) (*Proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{listener: listener, network: network, target: target, links: map[*link]bool{}}
	p.changed = sync.NewCond(&p.mu)
	p.work.Go(p.accept)
	return p, nil
}

// StartProxy is NewProxy for a test, at whose end the proxy is closed.
func StartProxy(t testing.TB, network, target string) *Proxy {
	t.Helper()
	p, err := NewProxy(network, target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// Addr is the address to connect to.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Accepted returns how many connections there have been.
func (p *Proxy) Accepted() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state.accepted
}

// Retarget forwards new connections to another target.
func (p *Proxy) Retarget(target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = target
}

// Cut closes all connections, and new ones at once, until restore is called.
func (p *Proxy) Cut() (restore func()) {
	p.set(func(s *state) { s.cut = true })
	p.Break()
	return func() { p.set(func(s *state) { s.cut = false }) }
}

// Break closes all connections there are.
func (p *Proxy) Break() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.close()
	}
}

// Hold forwards nothing, as if the cable were out, until release is called.
func (p *Proxy) Hold() (release func()) {
	p.set(func(s *state) { s.held = true })
	return func() { p.set(func(s *state) { s.held = false }) }
}

// Deafen lets the target hear the clients that are connected now, but not them
// the target, for as long as their connections last.
func (p *Proxy) Deafen() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.deaf = true
	}
}

// Halve cuts the next connection that carries something, in the middle of it.
func (p *Proxy) Halve() { p.set(func(s *state) { s.halve = true }) }

// Delay holds every piece of data for d before it is forwarded.
func (p *Proxy) Delay(d time.Duration) { p.set(func(s *state) { s.delay = d }) }

func (p *Proxy) set(change func(*state)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.state)
	p.changed.Broadcast()
}

// Close ends the proxy and its connections.
func (p *Proxy) Close() {
	p.set(func(s *state) { s.closed = true })
	p.listener.Close()
	p.Break()
	p.work.Wait()
}

// accept is ended by Close.
func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		target := p.target
		p.mu.Unlock()
		server, err := net.Dial(p.network, target)
		if err != nil {
			client.Close()
			continue
		}
		l := &link{client: client, server: server}
		if !p.add(l) {
			l.close()
			continue
		}
		p.work.Go(func() { p.forward(l, server, client, false) })
		p.work.Go(func() { p.forward(l, client, server, true) })
	}
}

func (p *Proxy) add(l *link) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state.cut || p.state.closed {
		return false
	}
	p.state.accepted++
	p.links[l] = true
	return true
}

// forward copies from src to dst, the two ends of l, and ends with one of them.
func (p *Proxy) forward(l *link, dst, src net.Conn, down bool) {
	defer p.drop(l)
	buf := make([]byte, 32<<10)
	for {
		n, err := src.Read(buf)
		if err != nil {
			return
		}
		now, deaf := p.next(l)
		if deaf && down {
			continue
		}
		time.Sleep(now.delay)
		if now.halve {
			dst.Write(buf[:n/2])
			return
		}
		if _, err := dst.Write(buf[:n]); err != nil {
			return
		}
	}
}

// next waits while the proxy is held and returns what to do then.
func (p *Proxy) next(l *link) (now state, deaf bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.state.held && !p.state.closed && !p.state.cut {
		p.changed.Wait()
	}
	now = p.state
	p.state.halve = false
	return now, l.deaf
}

func (p *Proxy) drop(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l.close()
	delete(p.links, l)
}

func (l *link) close() {
	l.client.Close()
	l.server.Close()
}
