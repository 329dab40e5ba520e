package conform

import "bytes"

// limitCases is RFC 6455, Section 10.4: an endpoint protects itself from messages
// that are too big. F11, F12, F30.
func limitCases() []Case {
	const (
		fits = "a message as big as the limit is delivered"
		over = "a message over the limit closes the connection with 1009"
	)
	limited := func(name, rule string, codes []uint16, build func(limit int) []frame) Case {
		return Case{
			Name:    "6455/10.4 " + name,
			Rule:    rule,
			limited: true,
			play: func(p *peer) error {
				frames := build(int(p.suite.MessageLimit))
				if codes != nil {
					return refuses(codes, frames...)(p)
				}
				return steps(sends(frames...), settles, finishes)(p)
			},
		}
	}
	all := []Case{
		limited("limit reached by fragments", fits, nil, func(n int) []frame { return text(letters(n)).split(max(n/4, 1)) }),
		limited("limit reached by two messages", "the limit is one of each message", nil, func(n int) []frame {
			return []frame{binaryFrame(noise(n)), ping("ping"), binaryFrame(noise(n))}
		}),
		limited("limit reached by fragments, pings between", "control frames do not count", nil, func(n int) []frame {
			return between(text(letters(n)).split(max(n/3, 1)), func(int) frame { return ping(letters(125)) })
		}),
		limited("limit passed by fragments", over, tooBig, func(n int) []frame {
			return append(binaryFrame(noise(n)).more().cutOpen(n/2), continuation("x").more())
		}),
		limited("limit passed by the last fragment", over, tooBig, func(n int) []frame {
			return []frame{binaryFrame(noise(n)).more(), continuation("x")}
		}),
		limited("limit passed by fragments, pings between", over, tooBig, func(n int) []frame {
			return []frame{text(letters(n)).more(), ping("ping"), continuation("xy")}
		}),
		limited("limit passed by a continuation, by its header", "a message over the limit is refused without waiting for it",
			tooBig, func(n int) []frame { return []frame{text(letters(n)).more(), continuation("").announcing(1)} }).headerOnly(),
	}
	for _, op := range kinds {
		all = append(all,
			limited("limit reached, "+kind(op), fits, nil, func(n int) []frame { return []frame{data(op, payload(op, n))} }),
			limited("limit passed by one byte, "+kind(op), over, tooBig, func(n int) []frame {
				return []frame{data(op, payload(op, n+1))}
			}),
			limited("limit passed, by its header, "+kind(op), "a message over the limit is refused without waiting for it",
				tooBig, func(n int) []frame { return []frame{data(op, nil).announcing(uint64(n) + 1)} }).headerOnly(),
			limited("limit passed far, by its header, "+kind(op), "a message over the limit is refused without waiting for it",
				tooBig, func(n int) []frame { return []frame{data(op, nil).announcing(uint64(n) << 20)} }).headerOnly(),
		)
	}
	return append(all, inflatedCases(limited)...)
}

// headerOnly marks a case of the limit that sends no more than that.
func (c Case) headerOnly() Case { c.small = true; return c }

// cutOpen makes two fragments, of which the last does not end the message either.
func (f frame) cutOpen(at int) []frame {
	frames := f.cut(at)
	frames[len(frames)-1].fin = false
	return frames
}

// inflatedCases: the limit is one of what a message says, not of how it is packed.
func inflatedCases(limited func(name, rule string, codes []uint16, build func(limit int) []frame) Case) []Case {
	const over = "a message that is over the limit when it is decompressed closes the connection with 1009"
	zeros := func(n int) frame { return binaryFrame(make([]byte, n)) }
	tight := func(f frame, n int) frame {
		f.payload = leveled(9, f.payload[:n])
		return f.bits(rsv1)
	}
	return []Case{
		limited("limit reached by a compressed message", "a message as big as the limit is delivered", nil,
			func(n int) []frame {
				f := tight(zeros(n), n)
				f.echo = &message{op: opBinary, data: make([]byte, n)}
				return []frame{f}
			}).packed(),
		limited("limit passed by a compressed message", over, tooBig,
			func(n int) []frame { return []frame{tight(zeros(n+1), n+1)} }).packed(),
		limited("limit passed by a compressed text", over, tooBig,
			func(n int) []frame {
				s := bytes.Repeat([]byte("a"), n+1)
				return []frame{{fin: true, rsv: rsv1, op: opText, payload: leveled(9, s)}}
			}).packed(),
		limited("limit passed by a compressed message in fragments", over, tooBig,
			func(n int) []frame { f := tight(zeros(n+1), n+1); return f.split(max(len(f.payload)/3, 1)) }).packed(),
		limited("limit passed many times by a compressed message", over, tooBig, func(n int) []frame {
			const chunk = mib
			// From the second on, chunks of zeros are compressed in the same way.
			first, both := leveled(1, make([]byte, chunk)), leveled(1, make([]byte, chunk), make([]byte, chunk))
			next := both[len(first):]
			b := bytes.Clone(first)
			for range min(100*n, 32*mib) / chunk {
				b = append(b, next...)
			}
			return []frame{{fin: true, rsv: rsv1, op: opBinary, payload: b}}
		}).packed(),
	}
}
