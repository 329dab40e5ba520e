package conform

import (
	"errors"
	"slices"
	"strings"
)

// accepts makes a case of an opening handshake that has to be accepted, after
// which the connection works; check looks at the answer.
func accepts(name, rule string, edit func(*head), check func(request, answer *head) error) Case {
	return Case{Name: name, Rule: rule, bare: true, play: func(p *peer) error {
		r := p.request()
		edit(r)
		answer, status, err := p.exchange(r)
		if err != nil {
			return err
		}
		if err := p.accepted(r, answer, status); err != nil {
			return err
		}
		if check != nil {
			if err := check(r, answer); err != nil {
				return &mismatch{"a 101 by the rule", err.Error()}
			}
		}
		return steps(sends(text("Hello")), settles, finishes)(p)
	}}
}

func unchanged(*head) {}

// serverHandshakeCases is the opening handshake of RFC 6455, Section 4.2, as a
// server has to accept it.
func serverHandshakeCases() []Case {
	valid := func(name string, edit func(*head)) Case {
		return accepts("6455/4.2.1 handshake with "+name, "a valid opening handshake is accepted", edit, nil)
	}
	setting := func(field string, values ...string) func(*head) {
		return func(h *head) { h.set(field, values...) }
	}
	all := []Case{
		accepts("6455/4.2.2 answer: status line", "the response is HTTP/1.1 101", unchanged, checkStatusLine),
		accepts("6455/4.2.2 answer: Upgrade", "the response has Upgrade: websocket", unchanged, checkUpgrade),
		accepts("6455/4.2.2 answer: Connection", "the response has Connection: Upgrade", unchanged, checkConnection),
		accepts("6455/4.2.2 answer: no extension", "no extension is accepted that was not offered", unchanged, checkNoExtension),
		accepts("6455/4.2.2 answer: no subprotocol", "no subprotocol is chosen that was not offered", unchanged, checkSubprotocol),
		accepts("9110/8.6 answer: no content", "a 101 has no content, nor a field that announces one", unchanged, checkNoContent),
		accepts("6455/4.2.2 answer: unknown subprotocol", "a subprotocol is one of those that were offered",
			setting("Sec-WebSocket-Protocol", "no.such.protocol.example"), checkSubprotocol),
		accepts("6455/4.2.2 answer: unknown subprotocols in two fields", "a subprotocol is one of those that were offered",
			setting("Sec-WebSocket-Protocol", "no.such.protocol.example", "nor.such.a.protocol.example"), checkSubprotocol),
		accepts("6455/9.1 answer: unknown extension", "an extension that is not known is ignored",
			setting("Sec-WebSocket-Extensions", "x-no-such-extension; a=1; b"), nil),
		valid("nothing but what is required", unchanged).first(),
		valid("Connection: keep-alive, Upgrade", setting("Connection", "keep-alive, Upgrade")), // H20
		valid("Connection in two fields", setting("Connection", "keep-alive", "Upgrade")),
		valid("Connection: upgrade", setting("Connection", "upgrade")),
		valid("Connection without spaces", setting("Connection", "foo,Upgrade,bar")),
		valid("Connection with spaces around", setting("Connection", "  \t Upgrade \t ")),
		valid("Upgrade: WebSocket", setting("Upgrade", "WebSocket")),
		valid("Upgrade: WEBSOCKET", setting("Upgrade", "WEBSOCKET")),
		valid("Upgrade with spaces around", setting("Upgrade", " websocket  ")),
		valid("names in small letters", recase(strings.ToLower)),
		valid("names in capitals", recase(strings.ToUpper)),
		valid("fields in another order", func(h *head) { slices.Reverse(h.fields) }),
		valid("fields that nobody knows", setting("X-Unknown", "one", "two; three=\"four\"")),
		valid("a cookieless browser's fields", func(h *head) {
			h.set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
			h.set("Accept", "*/*")
			h.set("Accept-Language", "en-US,en;q=0.5")
			h.set("Accept-Encoding", "gzip, deflate, br, zstd")
			h.set("Cache-Control", "no-cache")
			h.set("Pragma", "no-cache")
		}),
		valid("Sec-WebSocket-Version with spaces around", setting("Sec-WebSocket-Version", " 13 ")),
		valid("Sec-WebSocket-Key with spaces around", setting("Sec-WebSocket-Key", "  dGhlIHNhbXBsZSBub25jZQ== ")),
	}
	for _, key := range []string{"dGhlIHNhbXBsZSBub25jZQ==", "AAAAAAAAAAAAAAAAAAAAAA==", "/////////////////////w==",
		"+/+/+/+/+/+/+/+/+/+/+w==", "AQIDBAUGBwgJCgsMDQ4PEA=="} {
		all = append(all, accepts("6455/4.2.2 answer: Sec-WebSocket-Accept for "+strings.ReplaceAll(key, "/", "_"),
			"Sec-WebSocket-Accept is the hash of the key, in base64", setting("Sec-WebSocket-Key", key), checkAccept))
	}
	return append(all,
		accepts("6455/4.2.2 answer: the bits of the key that do not count", // H25
			"a key is hashed as it was sent, where it is not refused", setting("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZR=="), checkAccept).
			orRefusal(400),
		accepts("6455/4.2.1 handshake with Upgrade: h2c, websocket", "of the protocols in Upgrade, websocket is the one that counts", // H22
			setting("Upgrade", "h2c, websocket"), checkUpgrade).orRefusal(400, 426),
		accepts("6455/4.2.1 handshake with Upgrade in two fields", "of the protocols in Upgrade, websocket is the one that counts",
			setting("Upgrade", "h2c", "websocket"), checkUpgrade).orRefusal(400, 426),
	)
}

// recase changes the case of all names.
func recase(f func(string) string) func(*head) {
	return func(h *head) {
		for i := range h.fields {
			h.fields[i].name = f(h.fields[i].name)
		}
	}
}

// orRefusal makes a refusal with one of the statuses right as well.
func (c Case) orRefusal(statuses ...int) Case {
	play := c.play
	c.play = func(p *peer) error {
		err := play(p)
		if r, ok := errors.AsType[*notAccepted](err); ok && slices.Contains(statuses, r.status) {
			return nil
		}
		return err
	}
	return c
}
