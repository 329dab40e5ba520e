package conform

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

// A clientCall is a client under judgment on its way.
type clientCall struct {
	addr    string
	request *head
	done    chan struct{} // closed when the client has returned
	err     error         // what it returned; set when done is closed

	mustFail bool // the handshake is to be refused, so there must be an error
}

// clientTarget has in it what a client may get wrong in its request line.
const clientTarget = "/conformance?case=1&text=%C3%BC"

// accept starts the client, which the caller has to wait for, and waits for its
// connection.
func (s *Suite) accept(ctx context.Context, c *Case) (*peer, error) {
	listen := s.Listen
	if listen == nil {
		listen = func() (net.Listener, error) { return net.Listen("tcp", "127.0.0.1:0") }
	}
	l, err := listen()
	if err != nil {
		return nil, err
	}
	call := &clientCall{addr: l.Addr().String(), done: make(chan struct{})}
	go func() {
		defer close(call.done)
		defer l.Close() // so that Accept does not wait for a client that has given up
		call.err = s.Client(ctx, "ws://"+call.addr+clientTarget)
	}()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	conn, err := l.Accept()
	l.Close()
	if err != nil {
		return nil, call.didNotConnect()
	}
	p := newPeer(s, c, Client, conn)
	p.client = call
	return p, nil
}

// didNotConnect is the verdict on a client that has given up, or whose time is over. One
// that does not return then is left behind.
func (c *clientCall) didNotConnect() error {
	select {
	case <-c.done:
		return fmt.Errorf("the client did not connect (its function returned: %v)", c.err)
	case <-time.After(returnTime):
		return errors.New("the client did not connect, and its function does not return, though its context is over")
	}
}

// returnTime is how long a client has to notice that its context is over.
const returnTime = time.Second

// wait waits for the client to return, which it has to do by itself when its
// connection has ended. One that ignores the end of ctx too is left behind.
func (c *clientCall) wait(ctx context.Context) error {
	select {
	case <-c.done:
	case <-ctx.Done():
		return &mismatch{"the client's function to return when the connection has ended", errSilent.Error()}
	}
	if c.mustFail && c.err == nil {
		return &mismatch{"an error from the client's function, as the handshake is refused", "nil"}
	}
	return nil
}

// readRequest reads the head of the client's opening handshake.
func (p *peer) readRequest() error {
	h, raw, err := readHead(p.in)
	if len(raw) > 0 {
		p.log.text(p.who, raw)
	}
	if err != nil {
		return &mismatch{"an opening handshake", err.Error()}
	}
	p.client.request = h
	return nil
}

// answer makes the response that accepts the client's request.
func (p *peer) answer() *head {
	h := &head{start: "HTTP/1.1 101 Switching Protocols"}
	h.add("Upgrade", "websocket")
	h.add("Connection", "Upgrade")
	key, _ := p.client.request.one("Sec-WebSocket-Key")
	h.add("Sec-WebSocket-Accept", acceptFor(key))
	return h
}

// respond sends a response, and in the same write what is to follow it.
func (p *peer) respond(h *head, behind ...frame) {
	raw := h.bytes()
	p.log.text(p.me, raw)
	for _, f := range behind {
		p.remember(f)
		raw = p.encode(raw, f)
	}
	p.out.write(raw)
}

// acceptClient reads the client's request and accepts it: where deflate is set
// with permessage-deflate, and as few of its parameters as the offer allows.
func (p *peer) acceptClient(deflate bool) error {
	if err := p.readRequest(); err != nil {
		return err
	}
	h := p.answer()
	if deflate {
		offer, err := p.clientOffer()
		if err != nil {
			return err
		}
		if err := p.agreeOn(h, offer.plainAnswer()); err != nil {
			return err
		}
	}
	p.respond(h)
	// Frames that arrive together with the answer are a matter of other cases.
	p.out.rest(time.Millisecond)
	return nil
}

// clientOffer is the client's first valid offer of permessage-deflate.
func (p *peer) clientOffer() (*agreement, error) {
	if _, err := parseExtensions(p.client.request.values("Sec-WebSocket-Extensions")); err != nil {
		return nil, &mismatch{"an offer that can be read", err.Error()}
	}
	offer := firstOffer(p.client.request)
	switch {
	case offer != nil:
		return offer, nil
	case p.suite.RequireCompression:
		return nil, &mismatch{"an offer of permessage-deflate", "none"}
	}
	return nil, declined("the client does not offer permessage-deflate")
}

// firstOffer is the first valid offer of permessage-deflate in a request, or nil.
func firstOffer(request *head) *agreement {
	offers, _ := parseExtensions(request.values("Sec-WebSocket-Extensions"))
	for _, e := range offers {
		if offer, err := parseDeflate(e, false); err == nil {
			return offer
		}
	}
	return nil
}

// plainAnswer accepts the offer as it is, without what a server may add. What is
// only a hint in it, client_no_context_takeover, is confirmed: there are clients
// that insist on it, which is found by other cases.
func (offer *agreement) plainAnswer() string {
	answer := "permessage-deflate"
	if offer.serverNoTakeover {
		answer += "; server_no_context_takeover"
	}
	if offer.clientNoTakeover {
		answer += "; client_no_context_takeover"
	}
	if offer.serverBits != 0 {
		answer += fmt.Sprintf("; server_max_window_bits=%d", offer.serverBits)
	}
	return answer
}

// agreeOn puts a valid answer to the client's offer into h and speaks by it.
func (p *peer) agreeOn(h *head, answer string) error {
	_, agreed, err := agree(p.client.request.values("Sec-WebSocket-Extensions"), []string{answer})
	if err != nil {
		return declined(fmt.Sprintf("the client's offer does not allow %q: %v", answer, err))
	}
	h.add("Sec-WebSocket-Extensions", answer)
	p.use(agreed)
	return nil
}
