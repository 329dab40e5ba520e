package conform

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// serverRefusalCases are opening handshakes that a server has to refuse.
func serverRefusalCases() []Case {
	var all []Case
	add := func(c Case) { all = append(all, c) }
	bad := []int{400}
	// What does not ask for the protocol is any HTTP request, and may be answered by
	// what else is there.
	var ordinary []int
	add(refused("9110/7.8 refusal: HTTP 1.0", "Upgrade is ignored in a request of HTTP/1.0", ordinary, func(h *head) { // H6
		h.start = strings.Replace(h.start, "HTTP/1.1", "HTTP/1.0", 1)
	}))
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "PATCH", "HEAD"} { // H7
		add(refused("6455/4.2.1 refusal: method "+method, "an opening handshake is a GET", []int{405}, func(h *head) {
			h.start = strings.Replace(h.start, "GET", method, 1)
			if method != "HEAD" && method != "OPTIONS" {
				h.set("Content-Length", "0")
			}
		}))
	}
	set := func(name, rule string, statuses []int, field string, values ...string) {
		add(refused(name, rule, statuses, func(h *head) { h.set(field, values...) }))
	}
	const section = "6455/4.2.1 refusal: "
	const connection = "an opening handshake has Connection with the token Upgrade" // H21
	set(section+"no Connection", connection, ordinary, "Connection")
	set(section+"Connection: keep-alive", connection, ordinary, "Connection", "keep-alive")
	set(section+"Connection: close", connection, ordinary, "Connection", "close")
	set(section+"Connection: notupgrade", connection, ordinary, "Connection", "notupgrade")
	set(section+"Connection: upgrade-insecure", connection, ordinary, "Connection", "upgrade-insecure, keep-alive")
	const protocol = "an opening handshake has Upgrade with the protocol websocket"
	set(section+"no Upgrade", protocol, ordinary, "Upgrade")
	set(section+"Upgrade: h2c", protocol, ordinary, "Upgrade", "h2c")
	set(section+"Upgrade: websocket_13", protocol, ordinary, "Upgrade", "websocket/13") // H22
	set(section+"Upgrade: websockets", protocol, ordinary, "Upgrade", "websockets")
	set(section+"Upgrade: web socket", protocol, ordinary, "Upgrade", "web socket")
	const key = "Sec-WebSocket-Key is there once, and is 16 bytes in base64" // H23, H24
	for _, k := range []struct {
		name   string
		values []string
	}{
		{"no key", nil},
		{"key that is empty", []string{""}},
		{"key of 15 bytes", []string{"AAAAAAAAAAAAAAAAAAAA"}},
		{"key of 17 bytes", []string{"AAAAAAAAAAAAAAAAAAAAAAA="}},
		{"key of 32 bytes", []string{"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}},
		{"key without padding", []string{"dGhlIHNhbXBsZSBub25jZQ"}},
		{"key that is not base64", []string{"!!!!!!!!!!!!!!!!!!!!!!=="}},
		{"key in the alphabet for URLs", []string{"-_-_-_-_-_-_-_-_-_-_-w=="}},
		{"key with a space", []string{"dGhlIHNhbXBs ZSBub25jZQ=="}},
		{"key with text behind", []string{"dGhlIHNhbXBsZSBub25jZQ==x"}},
		{"key twice", []string{"dGhlIHNhbXBsZSBub25jZQ==", "AAAAAAAAAAAAAAAAAAAAAA=="}},
		{"the same key twice", []string{"dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ=="}},
		{"two keys in a list", []string{"dGhlIHNhbXBsZSBub25jZQ==, AAAAAAAAAAAAAAAAAAAAAA=="}},
	} {
		set(section+k.name, key, bad, "Sec-WebSocket-Key", k.values...)
	}
	const thirteen = "a version other than 13 is answered with 426 and Sec-WebSocket-Version: 13" // H26
	for _, v := range []struct {
		name   string
		values []string
	}{
		{"no version", nil}, {"version that is empty", []string{""}}, {"version 0", []string{"0"}}, {"version 8", []string{"8"}},
		{"version 12", []string{"12"}}, {"version 14", []string{"14"}}, {"version 013", []string{"013"}},
		{"version 130", []string{"130"}}, {"version +13", []string{"+13"}}, {"version 13.0", []string{"13.0"}},
		{"versions 13, 8", []string{"13, 8"}}, {"versions 8, 13", []string{"8, 13"}},
		{"version 13 twice", []string{"13", "13"}}, {"versions 8 and 13", []string{"8", "13"}}, {"versions 13 and 8", []string{"13", "8"}},
	} {
		add(versionCase("6455/4.4 refusal: "+v.name, thirteen, v.values))
	}
	return slices.Concat(append(all, upgradeRequiredCase()), subprotocolCases(), bodyCases())
}

// wantRefusal sends a request and wants a response with one of the statuses, or with
// any but 101.
func (p *peer) wantRefusal(r *head, statuses []int) (*head, error) {
	want := "an HTTP response other than 101"
	if statuses != nil {
		want = "an HTTP response with " + strings.ReplaceAll(strings.Trim(fmt.Sprint(statuses), "[]"), " ", " or ")
	}
	answer, status, err := p.exchange(r)
	if n, ok := errors.AsType[*noResponse](err); ok {
		return nil, &mismatch{want, n.got}
	}
	if err == nil && (status == 101 || statuses != nil && !slices.Contains(statuses, status)) {
		err = &mismatch{want, answer.start}
	}
	return answer, err
}

// refused makes a case of an opening handshake that has to be refused.
func refused(name, rule string, statuses []int, edit func(*head)) Case {
	return Case{Name: name, Rule: rule, bare: true, play: func(p *peer) error {
		r := p.request()
		edit(r)
		_, err := p.wantRefusal(r, statuses)
		return err
	}}
}

// versionCase also looks at what the refusal says about versions.
func versionCase(name, rule string, versions []string) Case {
	return Case{Name: name, Rule: rule, bare: true, play: func(p *peer) error {
		r := p.request()
		r.set("Sec-WebSocket-Version", versions...)
		answer, err := p.wantRefusal(r, []int{426})
		if err != nil {
			return err
		}
		if v := answer.values("Sec-WebSocket-Version"); len(v) != 1 || v[0] != "13" {
			return &mismatch{"Sec-WebSocket-Version: 13 in the 426", fmt.Sprintf("%q", v)}
		}
		return nil
	}}
}

// upgradeRequiredCase: a 426 says what to upgrade to.
func upgradeRequiredCase() Case {
	return Case{
		Name: "9110/15.5.22 refusal: 426 with Upgrade",
		Rule: "a response with 426 names the protocol in Upgrade",
		bare: true,
		play: func(p *peer) error {
			r := p.request()
			r.set("Sec-WebSocket-Version", "8")
			answer, status, err := p.exchange(r)
			if err != nil {
				return err
			}
			if status != 426 {
				return declined("the server does not answer with 426")
			}
			if !answer.has("Upgrade", "websocket") {
				return &mismatch{"Upgrade: websocket in a 426", fmt.Sprintf("%q", answer.values("Upgrade"))}
			}
			return nil
		},
	}
}

// subprotocolCases: H27, H28, H30.
func subprotocolCases() []Case {
	const token = "a subprotocol is a token, and is offered once"
	var numbered []string
	for i := range 500 {
		numbered = append(numbered, fmt.Sprint("p", i))
	}
	var all []Case
	for _, n := range []named{
		{"twice", "chat, chat"},
		{"with a space", "chat room"},
		{"with a slash", "chat/room"},
		{"in quotes", `"chat"`},
		{"with bytes above ASCII", "ch\u00e4t"},
		{"five hundred times", strings.Join(numbered, ", ")},
		{"of 60 KiB", letters(60 << 10)},
		{"with 10,000 spaces inside", "chat" + repeat(" ", 10_000) + "room"},
	} {
		all = append(all, refused("6455/4.1 refusal: subprotocol "+n.name, token, []int{400, 431}, func(h *head) {
			h.set("Sec-WebSocket-Protocol", n.text)
		}))
	}
	return append(all, refused("6455/4.1 refusal: subprotocol twice in two fields", token, []int{400}, func(h *head) {
		h.set("Sec-WebSocket-Protocol", "chat", "chat")
	}))
}

// bodyCases: H8, H9.
func bodyCases() []Case {
	const rule = "an opening handshake has no content: its bytes are never taken for frames"
	frame := text("Hello").keyed(1, 2, 3, 4)
	frame.masked = true
	body := string(frame.append(nil))
	return []Case{
		refused("6455/4.2.1 refusal: content of a Content-Length", rule, []int{400}, func(h *head) {
			h.set("Content-Length", fmt.Sprint(len(body)))
			h.body = body
		}),
		refused("6455/4.2.1 refusal: content in chunks", rule, []int{400}, func(h *head) {
			h.set("Transfer-Encoding", "chunked")
			h.body = fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body)
		}),
	}
}
