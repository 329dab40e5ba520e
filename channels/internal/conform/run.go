package conform

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// Run runs a case on a connection of its own. It returns when everything that it
// has started has ended.
func (s *Suite) Run(ctx context.Context, c *Case) Result {
	if why := s.unfit(c); why != "" {
		return Result{Declined, why}
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout(c)+time.Second)
	defer cancel()
	var p *peer
	var err error
	if s.role() == Client {
		p, err = s.accept(ctx, c)
	} else {
		p, err = s.dial(ctx, c)
	}
	if err != nil {
		return Result{Failed, c.failure(nil, err)}
	}
	err = p.perform(c)
	p.end()
	if p.client != nil {
		if errEnd := p.client.wait(ctx); err == nil {
			err = errEnd
		}
	}
	return p.result(c, err)
}

// perform is the opening handshake and the case's script.
func (p *peer) perform(c *Case) error {
	if !c.bare {
		if err := p.open(c); err != nil {
			return err
		}
	}
	return c.play(p)
}

func (p *peer) result(c *Case, err error) Result {
	if err == nil {
		return Result{Outcome: Passed}
	}
	if d, ok := errors.AsType[declined](err); ok {
		return Result{Declined, string(d)}
	}
	return Result{Failed, c.failure(p, err)}
}

// failure tells what a reader needs to see the mistake: the rule, what was
// expected, what came, and all that went over the connection.
func (c *Case) failure(p *peer, err error) string {
	var s strings.Builder
	line := func(title, text string) { fmt.Fprintf(&s, "%-9s %s\n", title+":", text) }
	line("case", c.Name)
	line("rule", c.Rule+" ("+section(c.Name)+")")
	if b, ok := errors.AsType[*broken](err); ok {
		line("expected", b.rule+" ("+section(b.section)+")")
		line("got", b.got)
	} else if m, ok := errors.AsType[interface {
		error
		expected() (want, got string)
	}](err); ok {
		want, got := m.expected()
		line("expected", want)
		line("got", got)
	} else {
		line("got", err.Error())
	}
	if p == nil {
		return s.String()
	}
	if strings.Contains(err.Error(), "close frame with 1009") && p.suite.MessageLimit == 0 {
		line("hint", "the "+p.who+" has a limit that the suite is not told: MessageLimit")
	}
	if strings.HasPrefix(c.Name, "6455/10.4 limit passed") {
		line("hint", fmt.Sprintf("the suite was told of a limit of %d bytes: MessageLimit", p.suite.MessageLimit))
	}
	return s.String() + p.log.String()
}

// section spells out "6455/5.5.1 …", of which the RFC may be missing: 6455.
func section(name string) string {
	name, _, _ = strings.Cut(name, " ")
	rfc, number, ok := strings.Cut(name, "/")
	if !ok {
		rfc, number = "6455", name
	}
	return "RFC " + rfc + ", Section " + number
}

// dial connects to the server that is judged.
func (s *Suite) dial(ctx context.Context, c *Case) (*peer, error) {
	host, port := s.URL.Hostname(), s.URL.Port()
	secure := s.URL.Scheme == "wss"
	if port == "" {
		port = "80"
		if secure {
			port = "443"
		}
	}
	dial := s.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	conn, err := dial(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, fmt.Errorf("no connection to the server: %w", err)
	}
	if !secure {
		return newPeer(s, c, Server, conn), nil
	}
	config := s.TLS.Clone()
	if config == nil {
		config = &tls.Config{}
	}
	if config.ServerName == "" {
		config.ServerName = host
	}
	config.NextProtos = []string{"http/1.1"}
	secured := tls.Client(conn, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, fmt.Errorf("no TLS connection to the server: %w", err)
	}
	return newPeer(s, c, Server, secured), nil
}
