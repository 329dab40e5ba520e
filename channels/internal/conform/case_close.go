package conform

import "fmt"

// closeCases is the closing handshake of RFC 6455, Sections 5.5.1 and 7.1.
func closeCases() []Case {
	const answered = "a close frame is answered by one, and the server ends the connection"
	closes := func(name string, codes []uint16, frames ...frame) Case {
		return Case{Name: name, Rule: answered, play: steps(sends(frames...), answers(codes...))}
	}
	normal := []uint16{1000}
	const longest = 123
	all := []Case{
		closes("6455/5.5.1 close without a code", []uint16{0, 1000}, closeBytes("")),
		closes("6455/5.5.1 close with a code alone", normal, closing(1000, "")),
		closes("6455/5.5.1 close with a reason", normal, closing(1000, "good bye")),
		closes("6455/5.5.1 close with the longest reason", normal, closing(1000, letters(longest))),
		closes("6455/5.5.1 close with a reason of many bytes a rune", normal, closing(1000, "κόσμε \u20ac \U0001D11E")),
		closes("6455/5.5.1 close with the longest reason, 41 runes of 3 bytes", normal, closing(1000, repeat("€", 41))),
		closes("6455/5.5.1 close with a NUL in the reason", normal, closing(1000, "a\x00b")),
		{
			Name: "6455/5.5.1 close in single bytes",
			Rule: "a frame may arrive in any pieces",
			play: steps(chops(1, closing(1000, "good bye")), answers(1000)),
		},
		{
			Name: "6455/5.5.1 close after an exchange of messages",
			Rule: answered,
			play: steps(sends(text("Hello"), binaryFrame([]byte{0, 1, 2})), settles, sends(closing(1000, "")), answers(1000)),
		},
		{
			Name: "6455/5.5.1 close within a message",
			Rule: "a close frame may stand between fragments; the message is not delivered",
			play: steps(sends(text("Hel").more(), closing(1000, "")), answers(1000)),
		},
		{
			Name: "6455/5.5.1 close within a message, after a ping",
			Rule: "a close frame may stand between fragments; the message is not delivered",
			play: steps(sends(text("Hel").more(), ping("ping")), answersPing, sends(closing(1001, "")), answers(1001)),
		},
		{
			Name: "6455/5.5.1 close directly behind a message",
			Rule: "what was sent before the close frame is received",
			play: steps(sends(text("Hello"), closing(1000, "")), answers(1000)),
		},
		{
			Name: "6455/7.1.1 close of a connection that was not used",
			Rule: "a close frame may be the first frame",
			play: finishes,
		},
	}
	return append(all, brokenCloseCases()...)
}

// brokenCloseCases are close frames with a payload that is wrong.
func brokenCloseCases() []Case {
	const (
		code   = "the payload of a close frame, where there is one, begins with a code of two bytes"
		reason = "the reason in a close frame is UTF-8"
	)
	all := []Case{ // F22
		breaks("6455/5.5.1 close with one byte payload", code, protocolError, closeBytes("\x03")),
		breaks("6455/5.5.1 close with one byte payload that is 0", code, protocolError, closeBytes("\x00")),
		breaks("6455/5.5.1 close with one byte payload after a message", code, protocolError, text("Hello"), closeBytes("x")),
		breaks("6455/5.5.1 close with one byte payload within a message", code, protocolError, text("Hel").more(), closeBytes("x")),
	}
	for _, n := range []named{ // F25
		{"lone continuation byte", "\x80"},
		{"FF", "bye \xFF"},
		{"overlong", "\xC0\xAF"},
		{"surrogate", "bye \xED\xA0\x80 bye"},
		{"above U+10FFFF", "\xF4\x90\x80\x80"},
		{"cut within a rune", "bye \xE2\x82"},
		{"longest, cut within a rune", letters(122) + "\xC3"},
	} {
		all = append(all, breaks("6455/5.5.1 close with a reason that is not UTF-8, "+n.name, reason, invalidReason,
			closing(1000, n.text)))
	}
	return all
}

// closeCodeCases is RFC 6455, Section 7.4.
func closeCodeCases() []Case {
	var all []Case
	for _, code := range []uint16{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014,
		3000, 3001, 3999, 4000, 4001, 4999} { // F24
		all = append(all, Case{
			Name: fmt.Sprintf("6455/7.4 close code %d", code),
			Rule: "a close frame with a code that may be sent is answered with the same code",
			play: steps(sends(closing(code, "")), answers(code)),
		}, Case{
			Name: fmt.Sprintf("6455/7.4 close code %d with a reason", code),
			Rule: "a close frame with a code that may be sent is answered with the same code",
			play: steps(sends(closing(code, "reason")), answers(code)),
		})
	}
	for _, code := range []uint16{0, 1, 255, 256, 999, 1004, 1005, 1006, 1015, 1016, 1017, 1100, 1999, 2000, 2999,
		5000, 5001, 9999, 32768, 65535} { // F23
		const rule = "a code that is reserved, or out of range, is not sent in a close frame"
		all = append(all,
			breaks(fmt.Sprintf("6455/7.4 close code %d not allowed", code), rule, protocolError, closing(code, "")),
			breaks(fmt.Sprintf("6455/7.4 close code %d not allowed, with a reason", code), rule, protocolError,
				closing(code, "reason")))
	}
	return all
}

// afterCloseCases: F27, F28.
func afterCloseCases() []Case {
	const rule = "after a close frame nothing more is sent, and what still comes is ignored"
	after := func(name string, frames ...frame) Case {
		return Case{
			Name:  "6455/5.5.1 after a close, " + name,
			Rule:  rule,
			heavy: len(frames) > 100,
			play:  steps(sends(append([]frame{closing(1000, "")}, frames...)...), answers(1000)),
		}
	}
	var all []Case
	for _, f := range []frame{text("late"), binaryFrame([]byte("late")), ping("late"), pong("late"), closing(1001, "late")} {
		all = append(all, after(kind(f.op), f))
	}
	return append(all,
		after("fifty close frames", many(50, func(string) frame { return closing(1000, "") })...),
		after("frames that are wrong", text("\xFF"), text("x").bits(rsv2), ping("x").more()),
		after("1 MiB of messages", many(1024, func(string) frame { return binaryFrame(noise(1024)) })...),
		Case{
			Name: "6455/7.1.7 after an error, messages are not delivered",
			Rule: "when the connection has failed, what still comes is ignored",
			play: func(p *peer) error {
				p.write(0, p.encode(p.encode(nil, text("bad").bits(rsv2)), text("late")))
				return p.wantClose(protocolError)
			},
		},
		Case{
			Name: "6455/7.1.7 after an error, pings are not answered",
			Rule: "when the connection has failed, what still comes is ignored",
			play: func(p *peer) error {
				p.write(0, p.encode(p.encode(nil, text("bad").bits(rsv2)), ping("late")))
				return p.wantClose(protocolError)
			},
		},
		Case{
			Name: "6455/7.1.7 after an error, the close frame is not answered",
			Rule: "the connection is ended in a reasonable time, whether its close frame is answered or not",
			play: func(p *peer) error {
				p.closed = true // so that wantClose sends no answer
				p.write(0, p.encode(nil, text("bad").bits(rsv2)))
				return p.wantClose(protocolError)
			},
		},
	)
}
