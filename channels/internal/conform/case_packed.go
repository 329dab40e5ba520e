package conform

import "fmt"

// packed makes the frame of a compressed message that says plain.
func packed(op byte, plain string, compressed []byte) frame {
	return frame{fin: true, rsv: rsv1, op: op, payload: compressed, echo: &message{op: op, data: []byte(plain)}}
}

// packs sends messages compressed by what was agreed, each cut at offsets of its
// compressed payload.
func packs(op byte, plain string, offsets ...int) step {
	return func(p *peer) error {
		p.send(packed(op, plain, p.deflate.message([]byte(plain))).cut(offsets...)...)
		return nil
	}
}

// given sends a message that was not compressed with what was agreed, and that
// holds for any window.
func given(op byte, plain string, compressed []byte) step {
	return func(p *peer) error {
		p.deflate.forget()
		p.send(packed(op, plain, compressed))
		return nil
	}
}

// leveledAs sends a message compressed by compress/flate, in fragments of n bytes, or
// one for 0. Its window is the largest: where a smaller one was agreed on, matches
// of a long message could reach too far.
func (p *peer) leveledAs(op byte, plain []byte, level, n int) error {
	if w := p.deflate.window; w < 32768 && len(plain) > w {
		return declined(fmt.Sprintf("a window of %d bytes is agreed on", w))
	}
	p.deflate.forget()
	f := packed(op, string(plain), leveled(level, plain))
	if n == 0 {
		n = len(f.payload)
	}
	p.send(f.split(n)...)
	return nil
}

// packedCase needs permessage-deflate and ends with the closing handshake.
func packedCase(name, rule string, largest int, all ...step) Case {
	// What does not compress grows: an endpoint may count that, too.
	largest += largest/8 + 16
	return Case{Name: name, Rule: rule, largest: largest, play: steps(append(all, settles, finishes)...)}.packed()
}

// compressedCases is RFC 7692, Sections 6 and 7.2.
func compressedCases() []Case {
	const (
		rule    = "a compressed message is delivered as it was before"
		example = "every valid DEFLATE stream can be decompressed"
	)
	hello := []byte{0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00}
	all := []Case{
		packedCase("7692/7.2.3.1 one compressed frame", example, 5, given(opText, "Hello", hello)),
		packedCase("7692/7.2.3.1 compressed fragments", example, 5,
			sends(packed(opText, "Hello", hello).cut(3)...), settles),
		packedCase("7692/7.2.3.3 stored block", example, 5,
			given(opText, "Hello", []byte("\x00\x05\x00\xFA\xFFHello\x00"))),
		packedCase("7692/7.2.3.4 final block", example, 5,
			given(opText, "Hello", []byte{0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00})),
		packedCase("7692/7.2.3.4 final block, then another message", example, 5,
			given(opText, "Hello", []byte{0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00}), given(opText, "Hello", hello)),
		packedCase("7692/7.2.3.5 two blocks", example, 5, given(opText, "Hello",
			[]byte{0xF2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xCA, 0xC9, 0xC9, 0x07, 0x00})),
		packedCase("7692/7.2.3.6 empty message", "an empty message is compressed to one octet, 0", 0,
			given(opText, "", []byte{0}), given(opBinary, "", []byte{0})),
		packedCase("7692/7.2.3.6 empty message by an empty block", example, 0, packs(opText, ""), packs(opBinary, "")),
		packedCase("7692/6 empty message, RSV1 0", "a message may be sent uncompressed", 0, sends(text(""), binaryFrame(nil))),
		packedCase("7692/6 compressed and uncompressed messages in turn", "each message may be compressed or not", 64,
			packs(opText, "one"), sends(text("two")), packs(opBinary, "three"), sends(binaryFrame([]byte("four"))),
			packs(opText, "one"), sends(text("two"))),
		packedCase("7692/6 ping within a compressed message", "control frames may stand between compressed fragments", 64,
			func(p *peer) error {
				f := packed(opText, "Hello Hello Hello", p.deflate.message([]byte("Hello Hello Hello")))
				p.send(between(f.split(1), func(i int) frame { return ping(fmt.Sprint(i)) })...)
				return nil
			}),
		packedCase("7692/6.1 compressed message in fragments of 1 byte", rule, 100, func(p *peer) error {
			p.send(packed(opText, letters(100), p.deflate.message([]byte(letters(100)))).split(1)...)
			return nil
		}),
		packedCase("7692/6.1 compressed message, first fragment empty", rule, 100, packs(opText, "Hello", 0)),
		packedCase("7692/6.1 compressed message, empty fragments", rule, 100, packs(opText, "Hello", 0, 0, 2, 2)),
		packedCase("7692/6.1 compressed message, last fragment empty", rule, 100, func(p *peer) error {
			f := packed(opText, "Hello", p.deflate.message([]byte("Hello")))
			p.send(f.cut(len(f.payload))...)
			return nil
		}),
		packedCase("7692/6.1 compressed message in single bytes on the wire", rule, 300, func(p *peer) error {
			p.chop(1, packed(opText, letters(300), p.deflate.message([]byte(letters(300)))))
			return nil
		}),
		packedCase("7692/6.2 rune split by compressed fragments", rule, 100, packs(opText, "κόσμε€𝄞", 1, 2, 3, 4, 5, 6)),
		packedCase("7692/6.2 binary that is not UTF-8, compressed", rule, 100, packs(opBinary, "\xFF\xFE\x80\xED\xA0\x80")),
		packedCase("7692/6 ping while permessage-deflate is agreed", "control frames are not compressed", 0,
			sends(ping(letters(125)), pong("unasked"), text("Hello"))),
	}
	for _, n := range []int{1, 2, 3, 125, 126, 127, 1024, 32767, 32768, 32769, 65535, 65536, 131072} {
		for _, op := range kinds {
			all = append(all, packedCase(fmt.Sprintf("7692/7.2 compressed %s of %d bytes", kind(op), n), rule, n,
				func(p *peer) error { return packs(op, string(payload(op, n)))(p) }))
		}
	}
	return append(all, blockCases()...)
}

// blockCases: all that DEFLATE has, which an endpoint may never produce itself.
func blockCases() []Case {
	const rule = "every valid DEFLATE stream can be decompressed"
	var all []Case
	for _, level := range []int{-2, 0, 1, 6, 9} {
		for _, n := range []int{10, 1000, 40_000} {
			all = append(all, packedCase(fmt.Sprintf("7692/7.2.1 flate level %d, %d bytes", level, 2*n+n/10), rule, 3*n,
				func(p *peer) error {
					return p.leveledAs(opBinary, []byte(letters(n)+string(noise(n/10))+letters(n)), level, 0)
				}))
		}
	}
	parts := [][]byte{[]byte("one "), []byte("two "), []byte(letters(200)), nil, []byte("three")}
	var flushed string
	for _, part := range parts {
		flushed += string(part)
	}
	all = append(all,
		packedCase("7692/7.2.1 blocks that are flushed in between", rule, len(flushed), given(opText, flushed, leveled(6, parts...))),
		packedCase("7692/7.2.1 stored blocks of 1 byte", rule, 100, given(opText, letters(100), storedBlocks([]byte(letters(100)), 1))),
		packedCase("7692/7.2.1 stored blocks of 65535 bytes", rule, 140_000,
			func(p *peer) error {
				return given(opBinary, string(noise(140_000)), storedBlocks(noise(140_000), 65535))(p)
			}),
		packedCase("7692/7.2.1 hundred empty stored blocks", rule, 5, func(p *peer) error {
			var w bitWriter
			for range 100 {
				w.stored(nil)
			}
			w.stored([]byte("Hello"))
			return given(opText, "Hello", w.flushed())(p)
		}),
		packedCase("7692/7.2.1 matches of the greatest length", rule, 258*3+1, packs(opText, repeat("a", 258*3+1))),
		packedCase("7692/7.2.1 as large as it gets, compressed a thousandfold", rule, 16*mib,
			func(p *peer) error { return p.leveledAs(opBinary, make([]byte, 16*mib), 1, 0) }),
		packedCase("7692/7.2.1 1 MiB that does not compress", rule, mib,
			func(p *peer) error { return p.leveledAs(opBinary, noise(mib), 1, 0) }),
		packedCase("7692/7.2.1 1 MiB of text in fragments of 1 KiB", rule, mib,
			func(p *peer) error { return p.leveledAs(opText, []byte(letters(mib)), 1, 1024) }),
	)
	return all
}

// brokenDeflateCases: F2, F3, F29.
func brokenDeflateCases() []Case {
	const (
		first   = "RSV1 is set on the first frame of a message only"
		control = "RSV1 is not set on a control frame"
		valid   = "a compressed message that cannot be decompressed fails the connection"
	)
	hello := packed(opText, "Hello", []byte{0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00})
	halves := hello.cut(3)
	all := []Case{
		breaks("7692/6.1 RSV1 on a continuation", first, protocolError, halves[0], halves[1].bits(rsv1)),
		breaks("7692/6.1 RSV1 on an empty continuation", first, protocolError, halves[0], continuation("").bits(rsv1).more()),
		breaks("7692/6.1 RSV1 on a continuation alone", first, protocolError, text("Hel").more(), continuation("lo").bits(rsv1)),
	}
	for _, f := range controls() {
		all = append(all,
			breaks("7692/6.1 RSV1 on a "+kind(f.op), control, protocolError, f.bits(rsv1)),
			breaks("7692/6.1 RSV1 on a "+kind(f.op)+" within a message", control, protocolError, halves[0], f.bits(rsv1)),
		)
	}
	for _, bits := range []byte{rsv2, rsv3, rsv1 | rsv2, rsv1 | rsv3, rsv1 | rsv2 | rsv3} {
		all = append(all, breaks(fmt.Sprintf("7692/6 reserved bits %03b", bits),
			"permessage-deflate gives a meaning to RSV1 alone", protocolError, hello.bits(bits)))
	}
	broken := func(name, compressed string) {
		f := frame{fin: true, rsv: rsv1, op: opText, payload: []byte(compressed)}
		all = append(all, breaks("7692/7.2.2 "+name, valid, invalidReason, f))
		f.op = opBinary
		all = append(all, breaks("7692/7.2.2 "+name+", binary", valid, invalidReason, f))
	}
	broken("nothing at all", "")
	broken("garbage", "\xFF\xFF\xFF\xFF\xFF\xFF")
	broken("block of the reserved type", "\x06\x00")
	broken("stored block with lengths that do not match", "\x00\x05\x00\xFB\xFFHello\x00")
	broken("stored block that is cut off", "\x00\x05\x00\xFA\xFFHel")
	broken("fixed block that is cut off", "\xF2\x48\xCD\xC9")
	broken("fixed block without an end", "\xF2\x48\xCD\xC9\xC9\x07")
	broken("match before the first byte", string(matchAlone(3, 1)))
	broken("match far before the first byte", string(matchAlone(258, 32768)))
	broken("dynamic block with too many symbols", "\xFC\xFF\xFF\xFF")
	broken("dynamic block with no code that fits", "\x04\x00\xFE\xFF\xFF\xFF\xFF\xFF\xFF")
	dynamic := leveled(6, []byte(letters(3)+repeat("abcabd", 200)+string(noise(60))))
	broken("dynamic block that is cut off", string(dynamic[:len(dynamic)/2]))
	broken("length symbol 286", string(symbolAlone(286)))
	broken("distance symbol 30", string(distanceAlone(30)))
	for _, n := range []named{{"surrogate", "a\xED\xA0\x80"}, {"overlong", "\xC0\xAF"}, {"cut within a rune", "\xE2\x82"}} {
		var z deflater
		f := frame{fin: true, rsv: rsv1, op: opText, payload: z.message([]byte(n.text))}
		all = append(all, breaks("6455/8.1 invalid compressed "+n.name, "text that is not UTF-8 fails the connection, compressed or not",
			invalidData, f))
	}
	for i := range all {
		all[i] = all[i].packed()
	}
	return all
}

// matchAlone is a message of one match.
func matchAlone(n, back int) []byte {
	var w bitWriter
	w.put(0b010, 3)
	w.match(n, back)
	w.literal(256)
	return w.flushed()
}

// symbolAlone is a message with a symbol of the literal code.
func symbolAlone(symbol int) []byte {
	var w bitWriter
	w.put(0b010, 3)
	w.literal('a')
	w.literal(symbol)
	w.literal(256)
	return w.flushed()
}

// distanceAlone is a message with a match of a distance symbol.
func distanceAlone(symbol int) []byte {
	var w bitWriter
	w.put(0b010, 3)
	w.literal('a')
	w.literal(257)
	w.code(uint64(symbol), 5)
	w.literal(256)
	return w.flushed()
}
