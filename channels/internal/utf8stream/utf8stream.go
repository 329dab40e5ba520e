// Package utf8stream validates UTF-8 that arrives in pieces, as the payload of a
// fragmented text message does (RFC 6455, Section 8.1).
package utf8stream

import "encoding/binary"

// A State is what has to be remembered between two pieces. The zero State is the
// beginning of a text.
type State uint8

// Each state is the position of its field in a row of the transition table.
// Fields are 6 bits wide, enough for the position of any of them.
const (
	boundary State = 6 * iota // between two runes
	bad                       // after a byte that no text can have there
	tail1                     // one continuation byte is due
	tail2                     // two
	tail3                     // three
	afterE0                   // A0–BF, then one: less would be an overlong form
	afterED                   // 80–9F, then one: more would be a surrogate
	afterF0                   // 90–BF, then two: less would be an overlong form
	afterF4                   // 80–8F, then two: more would be above U+10FFFF
)

// rows has for each byte what it makes of every state. Fetching the row does not
// depend on the state, so that the only work which must wait for the byte before
// is one shift.
var rows = table()

// table spells out RFC 3629, Section 4.
func table() (rows [256]uint64) {
	for b := range rows {
		for s := boundary; s <= afterF4; s += 6 {
			rows[b] |= uint64(bad) << s
		}
	}
	set := func(from State, low, high byte, to State) {
		for b := int(low); b <= int(high); b++ {
			rows[b] = rows[b]&^(63<<from) | uint64(to)<<from
		}
	}
	set(boundary, 0x00, 0x7F, boundary)
	set(boundary, 0xC2, 0xDF, tail1)
	set(boundary, 0xE0, 0xE0, afterE0)
	set(boundary, 0xE1, 0xEF, tail2)
	set(boundary, 0xED, 0xED, afterED)
	set(boundary, 0xF0, 0xF0, afterF0)
	set(boundary, 0xF1, 0xF3, tail3)
	set(boundary, 0xF4, 0xF4, afterF4)
	set(tail1, 0x80, 0xBF, boundary)
	set(tail2, 0x80, 0xBF, tail1)
	set(tail3, 0x80, 0xBF, tail2)
	set(afterE0, 0xA0, 0xBF, tail1)
	set(afterED, 0x80, 0x9F, tail1)
	set(afterF0, 0x90, 0xBF, tail2)
	set(afterF4, 0x80, 0x8F, tail2)
	return rows
}

// Write goes on with p and reports whether the text is still well-formed or can
// become so: it is false as soon as p has a byte that cannot stand where it does,
// also in the middle of a rune, and stays false from then on.
func (s *State) Write(p []byte) bool {
	for now := *s; ; {
		if now == boundary {
			p = p[asciiBlocks(p):]
		}
		if len(p) == 0 || now == bad {
			*s = now
			return now != bad
		}
		// Where there is one other byte there are probably more: go on for a while
		// before looking for ASCII again.
		n := min(len(p), 128)
		now = now.step(p[:n])
		p = p[n:]
	}
}

// step returns the state after p.
func (s State) step(p []byte) State {
	now := uint64(s)
	// Written out, the loop takes half the time.
	for len(p) >= 8 {
		now = rows[p[0]] >> (now & 63)
		now = rows[p[1]] >> (now & 63)
		now = rows[p[2]] >> (now & 63)
		now = rows[p[3]] >> (now & 63)
		now = rows[p[4]] >> (now & 63)
		now = rows[p[5]] >> (now & 63)
		now = rows[p[6]] >> (now & 63)
		now = rows[p[7]] >> (now & 63)
		p = p[8:]
	}
	for _, b := range p {
		now = rows[b] >> (now & 63)
	}
	return State(now & 63)
}

// Complete reports whether the text may end here: it is well-formed and ends with
// a whole rune.
func (s State) Complete() bool { return s == boundary }

// asciiBlocks returns the length of a beginning of p that is all ASCII; it may
// leave up to 31 such bytes.
func asciiBlocks(p []byte) int {
	const high = 0x8080808080808080
	le := binary.LittleEndian
	rest := p
	for len(rest) >= 32 &&
		(le.Uint64(rest[0:8])|le.Uint64(rest[8:16])|le.Uint64(rest[16:24])|le.Uint64(rest[24:32]))&high == 0 {
		rest = rest[32:]
	}
	for len(rest) >= 8 && le.Uint64(rest)&high == 0 {
		rest = rest[8:]
	}
	return len(p) - len(rest)
}
