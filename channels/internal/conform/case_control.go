package conform

import "fmt"

// controlCases is RFC 6455, Sections 5.5, 5.5.2 and 5.5.3.
func controlCases() []Case {
	var all []Case
	for _, n := range []int{0, 1, 2, 4, 64, 124, 125} {
		all = append(all, echoes(fmt.Sprintf("6455/5.5.2 ping with %d bytes", n),
			"a ping is answered by a pong with the same payload", ping(letters(n))))
	}
	return append(all,
		echoes("6455/5.5.2 ping with bytes that are no text", "the payload of a ping may be anything",
			ping("\x00\xFF\xFE\xC0\x80\xED\xA0\x80")),
		echoes("6455/5.5.2 ten pings at once", "the most recent ping, at least, is answered", many(10, ping)...),
		echoes("6455/5.5.2 pings one by one, in turn with messages", "a ping is answered as soon as possible",
			between(many(10, text), func(i int) frame { return ping(fmt.Sprint("ping ", i)) })...),
		Case{
			Name: "6455/5.5.2 each ping answered when the one before has been",
			Rule: "a ping that is the only one is answered",
			play: steps(sends(ping("1")), settles, sends(ping("2")), settles, sends(ping("")), settles, finishes),
		},
		chopped("6455/5.5.2 ping in single bytes", "a frame may arrive in any pieces", 1, ping(letters(125)), ping(""), ping("x")),
		echoes("6455/5.5.2 ping before the first message", "a ping may come at any time", ping("early"), text("Hello")),
		echoes("6455/5.5.2 ping within a message", "a control frame may stand between fragments, and is handled there",
			text("Hel").more(), ping("in between"), continuation("lo")), // F18
		Case{
			Name: "6455/5.5.2 ping within a message that is not going on",
			Rule: "a ping is answered without waiting for the end of a fragmented message",
			play: steps(sends(text("Hel").more(), ping("now")), answersPing, sends(continuation("lo")), settles, finishes),
		},
		echoes("6455/5.5.3 pong that nobody has asked for", "an unsolicited pong is ignored", pong("unasked"), text("Hello")),
		echoes("6455/5.5.3 empty pong", "an unsolicited pong is ignored", pong(""), text("Hello")),
		echoes("6455/5.5.3 pong with 125 bytes", "an unsolicited pong is ignored", pong(letters(125)), text("Hello")),
		echoes("6455/5.5.3 pong with bytes that are no text", "the payload of a pong may be anything",
			pong("\xFF\xFE\xC0"), text("Hello")),
		echoes("6455/5.5.3 fifty pongs", "unsolicited pongs are ignored",
			append(many(50, func(s string) frame { return pong("unasked " + s) }), text("Hello"))...),
		echoes("6455/5.5.3 pong, then a ping", "a pong does not stand for a ping",
			pong("pong"), ping("ping"), text("Hello")),
		echoes("6455/5.5.3 pong within a message", "an unsolicited pong is ignored, also between fragments",
			text("Hel").more(), pong("in between"), continuation("lo")),
	)
}

// answersPing waits for the pong alone.
func answersPing(p *peer) error {
	for len(p.pings) > 0 {
		e, err := p.next()
		if err != nil || e.what != gotPong {
			return unmet(p.outstanding(), e, err)
		}
	}
	return nil
}

// many makes n frames by numbering them.
func many(n int, build func(string) frame) []frame {
	var all []frame
	for i := range n {
		all = append(all, build(fmt.Sprint(i)))
	}
	return all
}

// brokenControlCases is what Section 5.5 says of all control frames.
func brokenControlCases() []Case {
	var all []Case
	for _, f := range controls() {
		fragmented := "a control frame is not fragmented"
		long := "a control frame has at most 125 bytes of payload"
		name := "6455/5.5 " + kind(f.op) + " "
		all = append(all,
			breaks(name+"with FIN 0", fragmented, protocolError, f.more()), // F14
			breaks(name+"with FIN 0 and no payload", fragmented, protocolError, ping("").opcode(f.op).more()),
			breaks(name+"with FIN 0 within a message", fragmented, protocolError, text("Hel").more(), f.more()),
		)
		for _, n := range []int{126, 127, 128, 65535, 65536} { // F15, F26
			body := "\x03\xE8" + letters(n-2)
			all = append(all, breaks(fmt.Sprintf("%swith %d bytes", name, n), long, protocolError, ping(body).opcode(f.op)))
		}
		all = append(all,
			breaks(name+"with 126 bytes within a message", long, protocolError,
				text("Hel").more(), ping("\x03\xE8"+letters(124)).opcode(f.op)),
			breaks(name+"with 126 bytes announced", "a control frame that is too long is refused by its header",
				protocolError, ping("").opcode(f.op).announcing(126)),
		)
	}
	return all
}
