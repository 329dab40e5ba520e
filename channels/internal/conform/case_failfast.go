package conform

// failFastCases: text is refused at its first byte that cannot be UTF-8, without
// waiting for the rest (F21), so that nothing is gathered in vain.
func failFastCases() []Case {
	const (
		message = "text that is not UTF-8 fails the connection before the message is complete"
		within  = "text that is not UTF-8 fails the connection before the frame is complete"
	)
	var all []Case
	for _, n := range []named{
		{"a continuation byte", "\x80"},
		{"FF", "\xFF"},
		{"C0", "\xC0"},
		{"F5", "\xF5"},
		{"overlong of 3", "\xE0\x9F"},
		{"overlong of 4", "\xF0\x8F"},
		{"a surrogate", "\xED\xA0"},
		{"above U+10FFFF", "\xF4\x90"},
		{"ASCII in a sequence", "\xF0\x9D\x84A"},
	} {
		last := n.text[len(n.text)-1:]
		good := "Hello " + n.text[:len(n.text)-1]
		all = append(all,
			breaks("6455/8.1 fail fast in the first fragment, "+n.name, message, invalidData, text(good+last).more()),
			breaks("6455/8.1 fail fast in the second fragment, "+n.name, message, invalidData,
				text(good).more(), continuation(last).more()),
			breaks("6455/8.1 fail fast in a frame, "+n.name, within, invalidData, text(good+last).announcing(1000)),
			breaks("6455/8.1 fail fast in a continuation frame, "+n.name, within, invalidData,
				text(good).more(), continuation(last).announcing(1000)),
		)
	}
	slow := func(name string, n int, frames ...frame) Case {
		return Case{
			Name:    "6455/8.1 fail fast in a frame, " + name,
			Rule:    within,
			largest: int(frames[len(frames)-1].size()),
			play: func(p *peer) error {
				var b []byte
				for _, f := range frames {
					b = p.encode(b, f)
				}
				p.write(n, b)
				return p.wantClose(invalidData)
			},
		}
	}
	return append(all,
		slow("in single bytes", 1, text("κόσμε\xED\xA0").announcing(100)),
		slow("length of 64 bits, in single bytes", 1, text("κόσμε\xED\xA0").announcing(70000)),
		slow("behind pings in single bytes", 1, text("\xF4").more(), ping("ping"), continuation("\x90").announcing(100)),
		slow("after 64 KiB that are good", 0, text(letters(65536)+"\xC1").announcing(200_000)),
	)
}

// failFastPackedCases: the same of compressed text. An endpoint that decompresses
// messages when they are complete cannot know earlier; it answers the ping first.
func failFastPackedCases() []Case {
	var all []Case
	for _, n := range []named{
		{"FF", "\xFF"},
		{"overlong of 2", "\xC0"},
		{"overlong of 4", "\xF0\x8F"},
		{"a surrogate", "\xED\xA0"},
		{"above U+10FFFF", "\xF4\x90"},
	} {
		last := n.text[len(n.text)-1:]
		good := "Hello " + n.text[:len(n.text)-1]
		for i, parts := range [][]string{{good + last}, {good, last}} {
			all = append(all, Case{
				Name: "6455/8.1 invalid compressed text in the " + []string{"first", "second"}[i] + " fragment, " + n.name,
				Rule: "compressed text that is not UTF-8 fails the connection",
				play: func(p *peer) error { return p.unfinished(parts) },
			}.packed())
		}
	}
	return all
}

// unfinished sends the beginning of a compressed text, a fragment for each part, the
// last of which is wrong; and then a ping. What is not refused then has to be when
// it is complete.
func (p *peer) unfinished(parts []string) error {
	var b []byte
	for i, part := range parts {
		f := frame{op: opContinuation, payload: append(leveled(6, []byte(part)), 0x00, 0x00, 0xFF, 0xFF)}
		if i == 0 {
			f.op, f.rsv = opText, rsv1
		}
		b = p.encode(b, f)
	}
	p.remember(ping("still there?"))
	p.out.write(p.encode(b, ping("still there?")))
	e, err := p.next()
	if err != nil || e.what != gotPong {
		_, err = p.closesWith(invalidData, e, err)
		return err
	}
	p.out.write(p.encode(nil, continuation("\x00")))
	if err := p.wantClose(invalidData); err != nil {
		return err
	}
	return declined("the " + p.who + " checks compressed text when it is complete")
}
