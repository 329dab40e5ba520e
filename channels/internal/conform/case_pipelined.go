package conform

import "errors"

// pipelinedCases are bytes sent behind the opening handshake without waiting for
// its answer: RFC 6455, Section 4.1, forbids that to clients. A server may refuse
// them, but neither lose nor misread them. H36, H37, F32.
func pipelinedCases() []Case {
	const rule = "frames behind the handshake are read as frames, or the handshake is refused"
	pipelined := func(name string, play step, frames ...frame) Case {
		return Case{Name: "6455/4.1 pipelined " + name, Rule: rule, bare: true, largest: largest(frames), play: func(p *peer) error {
			r := p.request()
			if refused, err := p.maybeAccepted(r, frames...); refused || err != nil {
				return err
			}
			return play(p)
		}}
	}
	working := steps(settles, sends(text("and more")), settles, finishes)
	return []Case{
		pipelined("text", working, text("early")),
		pipelined("ping", working, ping("early")),
		pipelined("messages and pings", working, text("one"), ping("two"), binaryFrame([]byte("three")), text("four").more(), continuation("five")),
		pipelined("message of 100000 bytes", working, binaryFrame(noise(100_000))),
		pipelined("close", answers(1000), closing(1000, "")),
		pipelined("half of a message", steps(sends(continuation("lo")), settles, finishes), text("Hel").more()),
		{
			Name: "6455/4.1 pipelined request",
			Rule: "a request behind the handshake is never taken for HTTP",
			bare: true,
			play: func(p *peer) error {
				r := p.request()
				r.body = "GET / HTTP/1.1\r\nHost: " + p.suite.URL.Host + "\r\n\r\n"
				if refused, err := p.maybeAccepted(r); refused || err != nil {
					return err
				}
				return p.wantClose(protocolError)
			},
		},
		{
			Name: "6455/5.2 HTTP instead of frames",
			Rule: "what is no frame fails the connection",
			play: func(p *peer) error {
				b := []byte("GET / HTTP/1.1\r\nHost: " + p.suite.URL.Host + "\r\n\r\n")
				p.log.text(p.me, b)
				p.out.write(b)
				return p.wantClose(protocolError)
			},
		},
	}
}

// maybeAccepted sends a handshake that may be refused: by a status, or by closing
// the connection.
func (p *peer) maybeAccepted(r *head, behind ...frame) (refused bool, err error) {
	answer, status, err := p.exchange(r, behind...)
	if _, ok := errors.AsType[*noResponse](err); ok {
		return true, nil
	}
	if err != nil || status >= 400 {
		return status >= 400, err
	}
	return false, p.accepted(r, answer, status)
}
