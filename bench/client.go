package main

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// Client is what the process of a raw client offers over its standard input and
// output, by net/rpc. It is the same for every server.
type Client struct {
	mu   sync.Mutex // held by each call, and while pings are answered
	load *load
	tls  *tlsLoad

	done   chan struct{} // closed by close; made by the first Open
	keeper sync.WaitGroup
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

	// Stuck has one connection more opened, to stuckPath, which never reads.
	Stuck bool
}

// Traffic is what came back in a round.
type Traffic struct {
	Messages int
	Bytes    int64
}

// Open opens all connections, and has the first messages echoed and compared.
func (c *Client) Open(args LoadArgs, reply *Traffic) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if args.Cert != nil {
		c.tls = new(tlsLoad)
		return c.tls.open(args)
	}
	l, err := newLoad(args)
	if err != nil {
		return err
	}
	c.load = l
	if c.done == nil {
		c.done = make(chan struct{})
		c.keeper.Go(c.answerPings) // until close, which waits for it
	}
	if err := l.open(args.Conns); err != nil {
		return err
	}
	if args.Stuck {
		if err := l.openStuck(); err != nil {
			return err
		}
	}
	*reply, err = l.check()
	return err
}

// answerPings keeps the connections alive while others have their rounds.
func (c *Client) answerPings() {
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			c.mu.Lock()
			c.load.pause()
			c.mu.Unlock()
		case <-c.done:
			return
		}
	}
}

// Round sends and receives about n messages, a whole number of batches and at
// least one.
func (c *Client) Round(n int, reply *Traffic) (err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.load == nil {
		return errors.New("no connection is open")
	}
	*reply, err = c.load.round(n)
	return err
}

// Handshakes opens n connections more, and leaves them open.
func (c *Client) Handshakes(n int, _ *Nothing) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.load.open(n); err != nil {
		return fmt.Errorf("after %d handshakes: %w", len(c.load.conns), err)
	}
	return nil
}

// Still returns an error unless all connections are open and silent: nothing has
// come since the last call.
func (c *Client) Still(Nothing, *Nothing) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tls != nil {
		return c.tls.still()
	}
	return c.load.still()
}

// Hang closes all connections.
func (c *Client) Hang(Nothing, *Nothing) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.load != nil {
		c.load.hang()
	}
	if c.tls != nil {
		c.tls.hang()
	}
	return nil
}

func (c *Client) close() error {
	if c.done != nil {
		close(c.done)
		c.keeper.Wait()
	}
	return c.Hang(Nothing{}, nil)
}
