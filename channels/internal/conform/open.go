package conform

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
)

// open does the opening handshake that most cases begin with.
func (p *peer) open(c *Case) error {
	if p.judged == Client {
		return p.acceptClient(c.deflate)
	}
	r := p.request()
	if c.deflate {
		r.set("Sec-WebSocket-Extensions", "permessage-deflate")
	}
	if err := p.handshake(r); err != nil {
		return err
	}
	if c.deflate && p.agreed == nil {
		return p.notAgreed("permessage-deflate")
	}
	return nil
}

// notAgreed is the outcome of a case that needs permessage-deflate without it.
func (p *peer) notAgreed(offers ...string) error {
	if p.suite.RequireCompression && slices.Equal(offers, []string{"permessage-deflate"}) {
		return &mismatch{"permessage-deflate accepted", "no extension"}
	}
	return declined("the server declines " + strings.Join(offers, ", "))
}

// request makes a valid opening handshake (RFC 6455, Section 4.1).
func (p *peer) request() *head {
	target := p.suite.URL.RequestURI()
	h := &head{start: "GET " + target + " HTTP/1.1"}
	h.add("Host", p.suite.URL.Host)
	h.add("Upgrade", "websocket")
	h.add("Connection", "Upgrade")
	h.add("Sec-WebSocket-Key", p.newKey())
	h.add("Sec-WebSocket-Version", "13")
	for name, values := range p.suite.Header {
		h.set(name, values...)
	}
	return h
}

func (p *peer) newKey() string {
	var key [16]byte
	for i := range key {
		key[i] = byte(p.rng.Uint32())
	}
	return base64.StdEncoding.EncodeToString(key[:])
}

// handshake sends a request that has to be accepted. Of the answer it looks at
// what the frames depend on; the rest has cases of its own.
func (p *peer) handshake(request *head) error {
	answer, status, err := p.exchange(request)
	if err != nil {
		return err
	}
	return p.accepted(request, answer, status)
}

func (p *peer) accepted(request, answer *head, status int) error {
	const want = "101, and the connection"
	if status != 101 {
		return &notAccepted{mismatch{want, answer.start}, status}
	}
	if err := p.checkExtensions(request, answer); err != nil {
		return &mismatch{want, err.Error()}
	}
	return nil
}

// exchange sends a request, in the same write what is to follow it, and reads the
// head of the response.
func (p *peer) exchange(request *head, behind ...frame) (answer *head, status int, err error) {
	raw := request.bytes()
	p.log.text(p.me, raw)
	for _, f := range behind {
		p.remember(f)
		raw = p.encode(raw, f)
	}
	p.out.write(raw)
	return p.response()
}

func (p *peer) response() (answer *head, status int, err error) {
	const want = "an HTTP response"
	answer, raw, err := readHead(p.in)
	if len(raw) > 0 {
		p.log.text(p.who, raw)
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, 0, &mismatch{want, errSilent.Error()}
	case errors.Is(err, io.EOF) || len(raw) == 0 && err != nil:
		return nil, 0, &noResponse{mismatch{want, fmt.Sprintf("the end of the connection (%v)", err)}}
	case err != nil:
		return nil, 0, &mismatch{want, err.Error()}
	}
	version, rest, _ := strings.Cut(answer.start, " ")
	code, _, _ := strings.Cut(rest, " ")
	status, err = strconv.Atoi(code)
	if err != nil || len(code) != 3 || version != "HTTP/1.1" && version != "HTTP/1.0" {
		return nil, 0, &mismatch{want, fmt.Sprintf("the status line %q", answer.start)}
	}
	return answer, status, nil
}

// A notAccepted is a response other than 101.
type notAccepted struct {
	mismatch
	status int
}

// A noResponse is a connection that was closed without one.
type noResponse struct{ mismatch }

func (p *peer) checkExtensions(request, answer *head) error {
	answered := answer.values("Sec-WebSocket-Extensions")
	offer, agreed, err := agree(request.values("Sec-WebSocket-Extensions"), answered)
	if err != nil {
		return fmt.Errorf("Sec-WebSocket-Extensions: %s: %w", strings.Join(answered, ", "), err)
	}
	if agreed == nil {
		return nil
	}
	// What a client only hints at in its offer binds it as well (RFC 7692,
	// Sections 7.1.1.2 and 7.1.2.2).
	ours := *agreed
	ours.clientNoTakeover = agreed.clientNoTakeover || offer.clientNoTakeover
	if ours.clientBits == 0 {
		ours.clientBits = offer.clientBits
	}
	p.use(&ours)
	return nil
}

// use makes the agreed permessage-deflate that of the connection.
func (p *peer) use(a *agreement) {
	p.agreed = a
	client := &deflater{window: a.clientWindow(), noTakeover: a.clientNoTakeover}
	server := &deflater{window: a.serverWindow(), noTakeover: a.serverNoTakeover}
	if p.judged == Server {
		p.deflate = client
		p.inflate = &inflater{window: server.window, noTakeover: server.noTakeover}
		return
	}
	p.deflate = server
	p.inflate = &inflater{window: client.window, noTakeover: client.noTakeover}
}
