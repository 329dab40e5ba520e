// Package conform judges WebSocket endpoints by RFC 6455 and RFC 7692. It speaks
// bytes over connections with a frame codec, a DEFLATE codec and an HTTP parser of
// its own, all of them written to be plain: a judge must not share the mistakes of
// who is judged.
//
// A case is one rule. It sends what its script says and compares what comes back;
// every frame that comes, in whatever case, is also held against all that can be
// said of a single frame. Servers and clients share the cases in which they have
// the same duties.
package conform

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"
)

// A Role is the end of a connection that is judged.
type Role int

const (
	Server Role = iota
	Client
)

// A Suite is how cases are run. One of URL and Client must be set.
type Suite struct {
	// URL of the echo server that is judged, ws:// or wss://.
	URL *url.URL
	// TLS is the configuration for wss://.
	TLS *tls.Config
	// Header is sent with every opening handshake.
	Header http.Header
	// Dial connects to the server; nil: with a net.Dialer.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)

	// Client connects to a URL and echoes, when it is a client that is judged.
	Client func(ctx context.Context, url string) error
	// Listen returns where that client has to connect to; nil: a port of 127.0.0.1.
	Listen func() (net.Listener, error)

	// MessageLimit is how many bytes of payload a message to the endpoint may have.
	// 0: not known.
	MessageLimit int64
	// RequireCompression makes a refused permessage-deflate a failure.
	RequireCompression bool
	// Timeout of each case, and again for each megabyte that it moves; 0: 10 s.
	Timeout time.Duration
}

// DefaultTimeout leaves an endpoint the time to wait in vain for the answer to a
// close frame, and then some.
const DefaultTimeout = 10 * time.Second

// timeout is how long a case may take: longer, when it moves megabytes.
func (s *Suite) timeout(c *Case) time.Duration {
	timeout := s.Timeout
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	size := c.largest
	if c.limited && !c.small {
		size = int(s.MessageLimit)
	}
	return timeout * time.Duration(1+size/mib)
}

func (s *Suite) role() Role {
	if s.Client != nil {
		return Client
	}
	return Server
}

// A Case is one rule put to the test.
type Case struct {
	// Name begins with the RFC and the section: "6455/5.5.1 close of one byte".
	Name string
	// Rule says what has to be done.
	Rule string
	// First is set for the simplest case, without which no other can pass.
	First bool

	play    step
	bare    bool // the opening handshake is a part of play
	deflate bool // needs permessage-deflate
	largest int  // bytes of the largest message
	limited bool // needs to know the endpoint's message limit, and moves as much
	small   bool // moves little, all the same
	heavy   bool // moves many frames or pieces
}

// Heavy reports whether a case moves so much that few should run at once, or they
// would wait for each other longer than an endpoint may take.
func (s *Suite) Heavy(c *Case) bool {
	return c.heavy || c.largest >= 32*kib || c.limited && !c.small && s.MessageLimit >= 32*kib
}

// Cases returns all cases for servers or for clients.
func Cases(r Role) []Case {
	var all []Case
	add := func(cases ...[]Case) {
		for _, c := range cases {
			all = append(all, c...)
		}
	}
	if r == Server {
		add(serverHandshakeCases(), serverRefusalCases(), pipelinedCases(), serverNegotiationCases())
	} else {
		add(clientHandshakeCases(), clientRefusalCases(), clientNegotiationCases())
	}
	add(lengthCases(), maskingCases(r), reservedCases(), controlCases(),
		brokenControlCases(), fragmentCases(), continuationCases(),
		utf8ValidCases(), utf8InvalidCases(), utf8SplitCases(), failFastCases(), failFastPackedCases(),
		closeCases(), closeCodeCases(), afterCloseCases(), limitCases(), largeCases(),
		compressedCases(), brokenDeflateCases(), takeoverCases())
	return all
}

// An Outcome is how a case ended.
type Outcome int

const (
	Passed   Outcome = iota
	Failed           // a rule was broken
	Declined         // the rule does not bind this endpoint, or cannot be judged
)

// A Result is the outcome of a case, and why it is not Passed.
type Result struct {
	Outcome Outcome
	Detail  string
}

// declined is the error of a case that cannot be judged.
type declined string

func (d declined) Error() string { return string(d) }

// unfit says why a case cannot be run with the suite's settings, or "".
func (s *Suite) unfit(c *Case) string {
	switch {
	case c.limited && s.MessageLimit <= 0:
		return "the message limit is not known to the suite"
	case c.limited && s.MessageLimit > 16<<20:
		return "the message limit is above 16 MiB"
	case s.MessageLimit > 0 && int64(c.largest) > s.MessageLimit:
		return fmt.Sprintf("a message of %d bytes is over the limit of %d", c.largest, s.MessageLimit)
	}
	return ""
}
