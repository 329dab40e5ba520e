// Package memnet is a network inside the process, for tests: buffered connections
// that behave like those of TCP, and listeners to dial.
//
// Every wait is one on a [sync.Cond], and every deadline a [time.AfterFunc], so
// that in a testing/synctest bubble a blocked read or write lets the clock go on.
// (A [net.Pipe] does not: it has no buffer, and its second writer waits for a
// mutex. Nor does a socket of the system.) A mutex is held only while memory is
// copied.
package memnet

import (
	"net"
	"net/netip"
)

// DefaultBuffer is the number of bytes that one direction of a connection holds
// unless [Config] tells another: about what the system gives to a socket.
const DefaultBuffer = 64 << 10

// A Config describes connections. The zero Config is ready to use.
type Config struct {
	// Buffer is how many bytes a direction holds before Write has to wait for
	// Read. 0 means DefaultBuffer.
	Buffer int

	// Client is the address that connections are made from; a Listener counts its
	// port up with each. The zero value means 127.0.0.1:40000.
	Client netip.AddrPort

	// Server is the address that connections are made to. The zero value means
	// 127.0.0.1:80.
	Server netip.AddrPort
}

// Pipe returns the two ends of a connection made with the zero [Config].
func Pipe() (client, server *Conn) { return Config{}.Pipe() }

// Listen returns a listener with the zero [Config].
func Listen() *Listener { return Config{}.Listen() }

// Pipe returns the two ends of a connection.
func (c Config) Pipe() (client, server *Conn) {
	c = c.withDefaults()
	up, down := newStream(c.Buffer), newStream(c.Buffer)
	from, to := net.TCPAddrFromAddrPort(c.Client), net.TCPAddrFromAddrPort(c.Server)
	return &Conn{in: down, out: up, local: from, remote: to},
		&Conn{in: up, out: down, local: to, remote: from}
}

// Listen returns a listener at the address c.Server.
func (c Config) Listen() *Listener {
	return newListener(c.withDefaults())
}

func (c Config) withDefaults() Config {
	if c.Buffer <= 0 {
		c.Buffer = DefaultBuffer
	}
	if !c.Client.IsValid() {
		c.Client = netip.MustParseAddrPort("127.0.0.1:40000")
	}
	if !c.Server.IsValid() {
		c.Server = netip.MustParseAddrPort("127.0.0.1:80")
	}
	return c
}
