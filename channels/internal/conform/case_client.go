package conform

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
)

// requests makes a case that looks at the client's opening handshake, and accepts
// it.
func requests(name, rule string, check func(p *peer, request *head) error) Case {
	return Case{Name: name, Rule: rule, bare: true, play: func(p *peer) error {
		if err := p.readRequest(); err != nil {
			return err
		}
		verdict := check(p, p.client.request)
		p.respond(p.answer())
		p.out.rest(time.Millisecond)
		if err := steps(sends(text("Hello")), settles, finishes)(p); err != nil {
			return err
		}
		if verdict != nil {
			return &mismatch{"a request by the rule", verdict.Error()}
		}
		return nil
	}}
}

// once checks that there is one field, with a value.
func once(name string, values ...string) func(*peer, *head) error {
	return func(_ *peer, h *head) error {
		got, err := h.one(name)
		if err != nil {
			return err
		}
		for _, v := range values {
			if strings.EqualFold(got, v) {
				return nil
			}
		}
		return fmt.Errorf("%s: %s", name, got)
	}
}

// answered makes a case of an answer that a client has to accept.
func answered(name string, edit func(*head)) Case {
	return Case{
		Name: "6455/4.1 answer with " + name,
		Rule: "a valid answer to the opening handshake is accepted",
		bare: true,
		play: func(p *peer) error {
			if err := p.readRequest(); err != nil {
				return err
			}
			h := p.answer()
			edit(h)
			p.respond(h)
			p.out.rest(time.Millisecond)
			return steps(sends(text("Hello")), settles, finishes)(p)
		},
	}
}

// clientHandshakeCases is the opening handshake of RFC 6455, Section 4.1, as a
// client has to do it.
func clientHandshakeCases() []Case {
	return []Case{
		requests("6455/4.1 request line", "the request is a GET of the URL's path and query in HTTP/1.1", func(_ *peer, h *head) error {
			if want := "GET " + clientTarget + " HTTP/1.1"; h.start != want {
				return fmt.Errorf("%q, not %q", h.start, want)
			}
			return nil
		}),
		requests("6455/4.1 request: Host", "Host is the URL's host, and its port", func(p *peer, h *head) error {
			return once("Host", p.client.addr, strings.TrimSuffix(p.client.addr, ":80"))(p, h)
		}),
		requests("6455/4.1 request: Upgrade", "the request has Upgrade: websocket", once("Upgrade", "websocket")),
		requests("6455/4.1 request: Connection", "the request has Connection with the token Upgrade", func(_ *peer, h *head) error {
			if !h.has("Connection", "Upgrade") {
				return errors.New("no Connection: Upgrade")
			}
			return nil
		}),
		requests("6455/4.1 request: Sec-WebSocket-Version", "the request has Sec-WebSocket-Version: 13", once("Sec-WebSocket-Version", "13")),
		requests("6455/4.1 request: Sec-WebSocket-Key", "the request has a Sec-WebSocket-Key of 16 bytes in base64", func(_ *peer, h *head) error {
			return checkKey(h)
		}),
		requests("6455/4.1 request: no content", "an opening handshake has no content", func(_ *peer, h *head) error {
			for _, name := range []string{"Content-Length", "Transfer-Encoding"} {
				if v := h.values(name); v != nil && v[0] != "0" {
					return fmt.Errorf("%s: %s", name, v[0])
				}
			}
			return nil
		}),
		requests("6455/9.1 request: Sec-WebSocket-Extensions", "extensions, where there are any, are offered by their grammar",
			func(_ *peer, h *head) error {
				_, err := parseExtensions(h.values("Sec-WebSocket-Extensions"))
				return err
			}),
		freshKeyCase(),
		answered("nothing but what is required", unchanged).first(),
		answered("names in small letters", recase(strings.ToLower)),
		answered("names in capitals", recase(strings.ToUpper)),
		answered("another reason phrase", func(h *head) { h.start = "HTTP/1.1 101 Web Socket Protocol Handshake" }),
		answered("an empty reason phrase", func(h *head) { h.start = "HTTP/1.1 101 " }),
		answered("Upgrade: WebSocket", func(h *head) { h.set("Upgrade", "WebSocket") }),
		answered("Connection: upgrade", func(h *head) { h.set("Connection", "upgrade") }),
		answered("Connection: keep-alive, Upgrade", func(h *head) { h.set("Connection", "keep-alive, Upgrade") }),
		answered("spaces around values", func(h *head) {
			for i := range h.fields {
				h.fields[i].value = "  " + h.fields[i].value + "\t"
			}
		}),
		answered("fields that nobody knows", func(h *head) { h.set("Server", "conformance"); h.set("X-Unknown", "a, b; c=\"d\"") }),
		answered("a cookie", func(h *head) { h.add("Set-Cookie", "a=b; Path=/", "c=d; HttpOnly") }),
		behindAnswer("text", steps(settles, finishes), text("early")),
		behindAnswer("messages and pings", steps(settles, finishes), text("one"), ping("two"), binaryFrame([]byte("three"))),
		behindAnswer("close", answers(1000), closing(1000, "")),
		behindAnswer("half of a message", steps(sends(continuation("lo")), settles, finishes), text("Hel").more()),
		{
			Name: "6455/4.1 answer in single bytes",
			Rule: "an answer may arrive in any pieces",
			bare: true,
			play: func(p *peer) error {
				if err := p.readRequest(); err != nil {
					return err
				}
				b := p.answer().bytes()
				p.log.text(p.me, b)
				p.write(1, b)
				p.out.rest(time.Millisecond)
				return steps(sends(text("Hello")), settles, finishes)(p)
			},
		},
	}
}

// checkKey: 16 bytes, in the only way that base64 has to write them.
func checkKey(h *head) error {
	key, err := h.one("Sec-WebSocket-Key")
	if err != nil {
		return err
	}
	b, err := base64.StdEncoding.Strict().DecodeString(key)
	if err == nil && len(b) != 16 {
		err = fmt.Errorf("a key of %d bytes", len(b))
	}
	return err
}

// behindAnswer sends frames in the same write as the answer.
func behindAnswer(name string, play step, frames ...frame) Case {
	return Case{
		Name: "6455/4.1 behind the answer, " + name,
		Rule: "frames that arrive together with the answer are neither lost nor misread",
		bare: true,
		play: func(p *peer) error {
			if err := p.readRequest(); err != nil {
				return err
			}
			p.respond(p.answer(), frames...)
			return play(p)
		},
	}
}

// freshKeyCase connects twice.
func freshKeyCase() Case {
	return Case{
		Name: "6455/4.1 request: fresh key",
		Rule: "the key is chosen anew for each connection",
		bare: true,
		play: func(p *peer) error {
			if err := p.acceptClient(false); err != nil {
				return err
			}
			if err := finishes(p); err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(context.Background(), p.suite.timeout(p.item))
			defer cancel()
			second, err := p.suite.accept(ctx, p.item)
			if err != nil {
				return &mismatch{"a second connection", err.Error()}
			}
			if err = second.acceptClient(false); err == nil {
				err = finishes(second)
			}
			second.end()
			if ended := second.client.wait(ctx); err == nil {
				err = ended
			}
			if err != nil {
				return err
			}
			one, two := p.client.request.values("Sec-WebSocket-Key"), second.client.request.values("Sec-WebSocket-Key")
			if len(one) == 1 && len(two) == 1 && one[0] == two[0] {
				return &mismatch{"another Sec-WebSocket-Key for the second connection", one[0]}
			}
			return nil
		},
	}
}

// clientRefusalCases are answers that a client has to refuse: it ends the
// connection without sending a frame, and its function returns an error.
func clientRefusalCases() []Case {
	var all []Case
	refused := func(name, rule string, edit func(p *peer, h *head)) {
		all = append(all, Case{Name: "6455/4.1 refusal: " + name, Rule: rule, bare: true, play: func(p *peer) error {
			if err := p.readRequest(); err != nil {
				return err
			}
			h := p.answer()
			edit(p, h)
			p.respond(h)
			return p.wantDisconnect()
		}})
	}
	set := func(name, rule, field string, values ...string) {
		refused(name, rule, func(_ *peer, h *head) { h.set(field, values...) })
	}
	const status = "a status other than 101 is no connection"
	for _, s := range []string{"200 OK", "400 Bad Request", "401 Unauthorized", "404 Not Found",
		"426 Upgrade Required", "500 Internal Server Error", "503 Service Unavailable"} {
		refused("status "+s[:3], status, func(_ *peer, h *head) {
			h.start = "HTTP/1.1 " + s
			h.set("Content-Length", "0")
			h.set("Connection", "close") // or the client may keep it for another request
		})
	}
	const upgrade = "an answer without Upgrade: websocket is refused"
	set("no Upgrade", upgrade, "Upgrade")
	set("Upgrade: h2c", upgrade, "Upgrade", "h2c")
	set("Upgrade: websockets", upgrade, "Upgrade", "websockets")
	const connection = "an answer without Connection: Upgrade is refused"
	set("no Connection", connection, "Connection")
	set("Connection: close", connection, "Connection", "close")
	set("Connection: notupgrade", connection, "Connection", "notupgrade")
	const accept = "a Sec-WebSocket-Accept that does not belong to the key is refused"
	set("no Sec-WebSocket-Accept", accept, "Sec-WebSocket-Accept")
	set("Sec-WebSocket-Accept that is empty", accept, "Sec-WebSocket-Accept", "")
	set("Sec-WebSocket-Accept of another key", accept, "Sec-WebSocket-Accept", acceptFor("dGhlIHNhbXBsZSBub25jZQ=="))
	refused("Sec-WebSocket-Accept that is the key", accept, func(p *peer, h *head) {
		h.set("Sec-WebSocket-Accept", p.client.request.values("Sec-WebSocket-Key")...)
	})
	refused("Sec-WebSocket-Accept in another case", accept, func(_ *peer, h *head) {
		h.set("Sec-WebSocket-Accept", swapCase(h.values("Sec-WebSocket-Accept")[0]))
	})
	refused("Sec-WebSocket-Accept with text behind", accept, func(_ *peer, h *head) {
		h.set("Sec-WebSocket-Accept", h.values("Sec-WebSocket-Accept")[0]+"x")
	})
	const subprotocol = "a subprotocol that was not offered is refused"
	set("subprotocol that was not offered", subprotocol, "Sec-WebSocket-Protocol", "no.such.protocol.example")
	set("subprotocols that were not offered", subprotocol, "Sec-WebSocket-Protocol", "no.such.protocol.example", "nor.this.example")
	const extension = "an extension that was not offered is refused"
	set("extension that was not offered", extension, "Sec-WebSocket-Extensions", "x-no-such-extension")
	set("extension that nobody could offer", extension, "Sec-WebSocket-Extensions", "=;")
	refused("no header at all", "an answer without its fields is refused", func(_ *peer, h *head) { h.fields = nil })
	refused("garbage", "what is not HTTP is no answer", func(_ *peer, h *head) { h.start, h.fields = "hello there", nil })
	refused("frame instead of an answer", "what is not HTTP is no answer", func(_ *peer, h *head) {
		h.start, h.fields = "\x81\x05Hello", nil
	})
	return all
}

// swapCase makes capitals of small letters and the other way around.
func swapCase(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z':
			return r - 'a' + 'A'
		case 'A' <= r && r <= 'Z':
			return r - 'A' + 'a'
		}
		return r
	}, s)
}

// wantDisconnect wants the client to give up: no frame, the end, and an error.
func (p *peer) wantDisconnect() error {
	const want = "the end of the connection, and no frame"
	p.client.mustFail = true
	// A server that answers and closes, too, is one of which a client knows more:
	// this one leaves it to the client.
	f, err := readFrame(p.in)
	if f.announce != nil || err == nil {
		p.log.frame(p.who, f)
		return &mismatch{want, "a " + f.describe() + " frame"}
	}
	if _, err := p.ended(f, err); err != nil {
		return &mismatch{want, err.Error()}
	}
	return nil
}
