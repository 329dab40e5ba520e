package conform

import (
	"fmt"
	"math"
)

// lengthCases is the payload length of RFC 6455, Section 5.2.
func lengthCases() []Case {
	const section = "6455/5.2 "
	var all []Case
	for _, n := range []int{0, 1, 2, 3, 4, 5, 7, 8, 9, 124, 125, 126, 127, 128, 129, 255, 256, 257,
		4095, 4096, 4097, 65534, 65535, 65536, 65537, 131071, 131072} {
		for _, op := range kinds {
			all = append(all, built(fmt.Sprintf("%slength %d %s", section, n, kind(op)),
				"a message of any length is delivered as it was sent", 0, n,
				func() []frame { return []frame{data(op, payload(op, n))} }))
		}
	}
	all = append(all, minimalCases(section)...)
	for _, op := range kinds {
		for _, n := range []uint64{1 << 63, 1<<63 | 5, math.MaxUint64} {
			all = append(all, breaks(fmt.Sprintf("%slength %#x %s", section, n, kind(op)),
				"the most significant bit of a 64-bit length is 0", protocolError, // F8
				data(op, []byte("Hello")).announcing(n)))
		}
		all = append(all, breaks(fmt.Sprintf("%slength %#x announced %s", section, int64(math.MaxInt64), kind(op)),
			"a message that is too big is refused by its header", tooBig, // F9
			data(op, []byte("Hello")).announcing(math.MaxInt64)))
	}
	return append(all,
		breaks(section+"length 2^62 announced twice",
			"a message that is too big is refused, also where the sum of its fragments overflows", tooBig, // F10
			binaryFrame([]byte("Hello")).more().announcing(1<<62), continuation("").announcing(1<<62)),
		chopped(section+"length in single bytes, 7 bits", "a frame may arrive in any pieces", 1, text("Hello")),
		chopped(section+"length in single bytes, 16 bits", "a frame may arrive in any pieces", 1, text(letters(300))),
		chopped(section+"length in single bytes, 64 bits", "a frame may arrive in any pieces", 1, text(letters(65536))),
		chopped(section+"length of nothing in single bytes", "a frame may arrive in any pieces", 1,
			text(""), text(""), binaryFrame(nil), ping(""), text("")),
	)
}

// minimalCases: F13.
func minimalCases(section string) []Case {
	const rule = "a length is written with as few bytes as possible"
	var all []Case
	for _, op := range kinds {
		for _, form := range []int{16, 64} {
			for _, n := range []int{0, 1, 125, 126, 65535} {
				if form == minimal(uint64(n)) || form == 16 && n > 125 {
					continue
				}
				all = append(all, breaks(fmt.Sprintf("%snot minimal %d in %d bits %s", section, n, form, kind(op)),
					rule, protocolError, data(op, payload(op, n)).length(form)))
			}
		}
	}
	for _, f := range controls() {
		for _, form := range []int{16, 64} {
			all = append(all, breaks(fmt.Sprintf("%snot minimal %d in %d bits %s", section, f.size(), form, kind(f.op)),
				rule, protocolError, f.length(form)))
		}
	}
	return append(all,
		breaks(section+"not minimal continuation in 16 bits", rule, protocolError,
			text("Hel").more(), continuation("lo").length(16)),
		breaks(section+"not minimal continuation in 64 bits", rule, protocolError,
			text("Hel").more(), continuation("lo").length(64)),
	)
}
