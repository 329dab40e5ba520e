package main

import (
	"errors"
	"fmt"
)

// Client is what the process of a raw client offers over its standard input and
// output, by net/rpc. It is the same for every server.
type Client struct {
	load *load
	tls  *tlsLoad
}

// LoadArgs say what the client is to do.
type LoadArgs struct {
	Addr     string
	Cert     []byte // DER of a TLS server's certificate
	Path     string
	Cookie   string // sent with the handshake
	Conns    int
	InFlight int // messages sent in one write, all answered before the next
	Size     int
	Text     bool
	Deflate  deflateMode
	Burst    int // broadcast: what one message comes back as, on every connection
}

// Traffic is what came back in a round.
type Traffic struct {
	Messages int
	Bytes    int64
}

// Open opens all connections, and has the first messages echoed and compared.
func (c *Client) Open(args LoadArgs, reply *Traffic) error {
	if args.Cert != nil {
		c.tls = new(tlsLoad)
		return c.tls.open(args)
	}
	l, err := newLoad(args)
	if err != nil {
		return err
	}
	c.load = l
	if err := l.open(args.Conns); err != nil {
		return err
	}
	*reply, err = l.check()
	return err
}

// Round sends and receives about n messages, a whole number of batches and at
// least one.
func (c *Client) Round(n int, reply *Traffic) (err error) {
	if c.load == nil {
		return errors.New("no connection is open")
	}
	*reply, err = c.load.round(n)
	return err
}

// Handshakes opens n connections more, and leaves them open.
func (c *Client) Handshakes(n int, _ *Nothing) error {
	if err := c.load.open(n); err != nil {
		return fmt.Errorf("after %d handshakes: %w", len(c.load.conns), err)
	}
	return nil
}

// Hang closes all connections.
func (c *Client) Hang(Nothing, *Nothing) error { return c.close() }

func (c *Client) close() error {
	if c.load != nil {
		c.load.hang()
	}
	if c.tls != nil {
		c.tls.hang()
	}
	return nil
}
