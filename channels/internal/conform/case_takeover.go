package conform

import "fmt"

// takeoverCases is RFC 7692, Section 7.1.1: messages that refer to messages before.
// Where the endpoint has not agreed to that, they are declined.
func takeoverCases() []Case {
	const rule = "without client_no_context_takeover, or server_no_context_takeover, a message may refer to those before"
	takeover := func(name string, largest int, all ...step) Case {
		all = append([]step{needsTakeover}, all...)
		return packedCase("7692/7.1.1 "+name, rule, largest, all...)
	}
	var repeated []step
	for range 20 {
		repeated = append(repeated, packs(opText, letters(500)), settles)
	}
	return []Case{
		takeover("the same message twice", 64, packs(opText, "Hello Hello"), settles, packs(opText, "Hello Hello")),
		takeover("the example of Section 7.2.3.2", 5,
			sends(packed(opText, "Hello", []byte{0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00})),
			sends(packed(opText, "Hello", []byte{0xF2, 0x00, 0x11, 0x00, 0x00}))),
		takeover("the same message twenty times", 500, repeated...),
		takeover("across messages that are not compressed", 64,
			packs(opText, "Hello Hello"), sends(text("Hello Hello"), ping("ping")), packs(opText, "Hello Hello")),
		takeover("across empty messages", 64,
			packs(opText, "Hello Hello"), packs(opText, ""), given0, packs(opText, "Hello Hello")),
		takeover("from text to binary", 64, packs(opText, "Hello Hello"), packs(opBinary, "Hello Hello")),
		takeover("from fragments to fragments", 64, packs(opText, "Hello Hello", 1, 3), packs(opText, "Hello Hello", 1)),
		takeover("across a stored block", 64, takeoverStored),
		takeover("as far back as the window reaches", 40_000, func(p *peer) error {
			// The window is filled so that the last message finds its text exactly
			// at its far end.
			n := p.deflate.window
			mark := "The quick brown fox."
			for _, plain := range []string{mark, string(noise(n - len(mark)))} {
				p.send(packed(opBinary, plain, p.deflate.message([]byte(plain))))
			}
			p.send(packed(opText, mark, matchAlone(len(mark), n)))
			return nil
		}),
		takeover("through many windows", 10_000, func(p *peer) error {
			for i := range 30 {
				plain := fmt.Sprint(i) + letters(9000) + string(noise(500))
				p.send(packed(opBinary, plain, p.deflate.message([]byte(plain))))
			}
			return nil
		}),
		{
			Name:    "7692/7.1.1 not before the first message",
			Rule:    "a match that reaches before the first message fails the connection",
			deflate: true,
			play: func(p *peer) error {
				p.send(packed(opText, "Hello", p.deflate.message([]byte("Hello"))))
				return refuses(invalidReason, frame{fin: true, rsv: rsv1, op: opText, payload: matchAlone(10, 300)})(p)
			},
		},
		packedCase("7692/7.1.1 a sender that takes nothing over", "taking over the context is a choice", 64,
			packs(opText, "Hello Hello"), forgets, packs(opText, "Hello Hello"), forgets, packs(opText, "Hello Hello")),
	}
}

func forgets(p *peer) error { p.deflate.forget(); return nil }

// given0 is the empty message of one octet, which leaves the window as it is.
func given0(p *peer) error { p.send(packed(opText, "", []byte{0})); return nil }

func needsTakeover(p *peer) error {
	if p.deflate.noTakeover {
		return declined("the " + p.who + " does not take over the context of what it receives")
	}
	return nil
}

func takeoverStored(p *peer) error {
	p.send(packed(opText, "Hello", storedBlocks([]byte("Hello"), 10)), packed(opText, "Hello", matchAlone(5, 5)))
	return nil
}
