// Package faultproxy is a TCP proxy that does to connections what networks do:
// it cuts, delays, holds up and halves.
package faultproxy

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
	target   string
	work     sync.WaitGroup // Accept, and two goroutines for each connection

	mu      sync.Mutex
	changed *sync.Cond // with mu: state
	state   state
	conns   map[net.Conn]bool // both sides of all
}

type state struct {
	closed   bool
	cut      bool
	held     bool
	halve    bool // forward half of the next piece, then cut its connection
	deaf     bool // the client hears nothing of what the target says
	delay    time.Duration
	accepted int
}

// Start listens on a free port of 127.0.0.1 and forwards to target, a TCP address
// or, when network is "unix", a socket's path. The proxy is closed at the end of
// the test.
func Start(t testing.TB, network, target string) *Proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{listener: listener, network: network, target: target, conns: map[net.Conn]bool{}}
	p.changed = sync.NewCond(&p.mu)
	p.work.Go(p.accept)
	t.Cleanup(p.close)
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
	for conn := range p.conns {
		conn.Close()
	}
}

// Hold forwards nothing, as if the cable were out, until release is called.
func (p *Proxy) Hold() (release func()) {
	p.set(func(s *state) { s.held = true })
	return func() { p.set(func(s *state) { s.held = false }) }
}

// Deafen lets the target hear the client but not the client the target, until the
// connection breaks or restore is called.
func (p *Proxy) Deafen() (restore func()) {
	p.set(func(s *state) { s.deaf = true })
	return func() { p.set(func(s *state) { s.deaf = false }) }
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

func (p *Proxy) close() {
	p.set(func(s *state) { s.closed = true })
	p.listener.Close()
	p.Break()
	p.work.Wait()
}

// accept is ended by close.
func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial(p.network, p.target)
		if err != nil || !p.add(client, server) {
			client.Close()
			if server != nil {
				server.Close()
			}
			continue
		}
		p.work.Go(func() { p.forward(server, client, false) })
		p.work.Go(func() { p.forward(client, server, true) })
	}
}

func (p *Proxy) add(client, server net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state.cut || p.state.closed {
		return false
	}
	p.state.accepted++
	p.conns[client], p.conns[server] = true, true
	return true
}

// forward copies from src to dst and ends with one of them.
func (p *Proxy) forward(dst, src net.Conn, down bool) {
	defer p.drop(dst, src)
	buf := make([]byte, 32<<10)
	for {
		n, err := src.Read(buf)
		if err != nil {
			return
		}
		now := p.next()
		if now.deaf && down {
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
func (p *Proxy) next() state {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.state.held && !p.state.closed && !p.state.cut {
		p.changed.Wait()
	}
	now := p.state
	p.state.halve = false
	return now
}

func (p *Proxy) drop(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range conns {
		conn.Close()
		delete(p.conns, conn)
	}
}
