package main

import (
	"errors"
	"fmt"
)

// round sends and receives about so many messages.
func (l *load) round(messages int) (Traffic, error) {
	if l.err != nil {
		return Traffic{}, fmt.Errorf("between the rounds: %w", l.err)
	}
	l.bytes = 0
	batches := max(1, messages/l.args.InFlight)
	if l.args.Burst > 0 {
		perBurst := len(l.conns) * l.args.Burst
		bursts := max(1, messages/perBurst)
		err := l.broadcast(bursts)
		return Traffic{bursts * perBurst, l.bytes}, err
	}
	err := l.echo(batches)
	return Traffic{batches * l.args.InFlight, l.bytes}, err
}

// bytesInFlight bounds what is on its way at a time: large messages keep some of
// the connections busy, in turn, small ones all.
const bytesInFlight = 32 << 20

// echo sends batches, each when the one before it has come back as a whole.
func (l *load) echo(batches int) error {
	active := min(batches, len(l.conns), max(1, bytesInFlight/(l.args.InFlight*max(1, l.args.Size))))
	todo := batches
	start := func() error {
		if todo == 0 {
			return nil
		}
		todo--
		c := l.idle[0]
		l.idle = l.idle[1:]
		return l.send(c)
	}
	for range active {
		if err := start(); err != nil {
			return err
		}
	}
	for done := 0; done < batches; {
		err := l.wait(func(c *conn) error {
			done++
			l.idle = append(l.idle, c)
			return start()
		})
		if err != nil {
			return fmt.Errorf("%d of %d batches: %w", done, batches, err)
		}
	}
	return nil
}

// broadcast has the first connection send one message at a time, and waits until
// every connection has received it as often as the server sends it.
func (l *load) broadcast(bursts int) error {
	for n := range bursts {
		for _, c := range l.conns {
			c.want = l.args.Burst
		}
		if err := l.send(l.conns[0]); err != nil {
			return err
		}
		l.conns[0].want = l.args.Burst
		for done := 0; done < len(l.conns); {
			err := l.wait(func(*conn) error { done++; return nil })
			if err != nil {
				return fmt.Errorf("burst %d of %d, %d connections of %d: %w", n, bursts, done, len(l.conns), err)
			}
		}
	}
	return nil
}

// silence, in milliseconds, is taken for the end of a burst whose size is not known.
const silence = 100

// assemble broadcasts until every connection has received one burst as a whole:
// the answer to a handshake does not say that the server's hub knows of it yet.
func (l *load) assemble() error {
	const any = 1 << 30
	for range 100 {
		for _, c := range l.conns {
			c.want = any
		}
		if err := l.send(l.conns[0]); err != nil {
			return err
		}
		l.conns[0].want = any
		for {
			n, err := l.poll(silence, nil)
			if err != nil {
				return err
			}
			if n == 0 {
				break
			}
		}
		missing := 0
		for _, c := range l.conns {
			if any-c.want < l.args.Burst {
				missing++
			}
			c.want = -1
		}
		if missing == 0 {
			return nil
		}
	}
	return errors.New("the broadcasts do not reach every connection")
}
