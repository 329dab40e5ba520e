package conform

import (
	"bytes"
	"strings"
)

// The codes that a failed connection is closed with.
var (
	protocolError = []uint16{1002}
	invalidData   = []uint16{1007}
	invalidReason = []uint16{1007, 1002}
	tooBig        = []uint16{1009}
)

// echoes makes a case of valid frames: what has to come back does, and the closing
// handshake succeeds.
func echoes(name, rule string, frames ...frame) Case {
	return chopped(name, rule, 0, frames...)
}

// chopped is echoes with writes of n bytes.
func chopped(name, rule string, n int, frames ...frame) Case {
	return Case{
		Name:    name,
		Rule:    rule,
		largest: largest(frames),
		heavy:   len(frames) > 100,
		play:    steps(chops(n, frames...), settles, finishes),
	}
}

// built is chopped with frames that are large, and made when they are needed.
func built(name, rule string, n, largest int, frames func() []frame) Case {
	return Case{Name: name, Rule: rule, largest: largest, play: func(p *peer) error {
		return steps(chops(n, frames()...), settles, finishes)(p)
	}}
}

// breaks makes a case of frames of which the last is wrong: nothing comes back but
// a close frame with one of the codes, and the end.
func breaks(name, rule string, codes []uint16, frames ...frame) Case {
	return Case{Name: name, Rule: rule, play: refuses(codes, frames...)}
}

// first makes the case the one to try first.
func (c Case) first() Case { c.First = true; return c }

// packed makes the case one that needs permessage-deflate.
func (c Case) packed() Case { c.deflate = true; return c }

// largest is the size of the largest message in frames.
func largest(frames []frame) int {
	most, sum := 0, 0
	for _, f := range frames {
		switch {
		case f.op == opText || f.op == opBinary:
			sum = len(f.payload)
			if f.echo != nil {
				sum = len(f.echo.data)
			}
		case f.op == opContinuation && f.echo == nil:
			sum += len(f.payload)
		}
		most = max(most, sum)
	}
	return most
}

// letters is text of n bytes in which a shift by a few bytes shows.
func letters(n int) string {
	const period = "abcdefghijklmnopqrstuvwxyz.0123456789-ABCDEFGHIJKLM"
	return strings.Repeat(period, n/len(period)+1)[:n]
}

// noise is n bytes in which every value occurs, also such that are not UTF-8, and
// that do not compress.
func noise(n int) []byte {
	b := make([]byte, n)
	state := uint32(2463534242) // xorshift
	for i := range b {
		state ^= state << 13
		state ^= state >> 17
		state ^= state << 5
		b[i] = byte(state >> 8)
	}
	return b
}

// payload is n bytes that a message of the kind may have.
func payload(op byte, n int) []byte {
	if op == opText {
		return []byte(letters(n))
	}
	return noise(n)
}

// kinds are the two kinds of data.
var kinds = []byte{opText, opBinary}

func kind(op byte) string { return frame{op: op}.describe() }

// control are frames of the three kinds of control, valid ones.
func controls() []frame {
	return []frame{ping("ping"), pong("pong"), closing(1000, "")}
}

// every are frames of all six kinds.
func every() []frame {
	return append(controls(), text("text"), binaryFrame([]byte("binary")), continuation("more"))
}

// inContext puts before a continuation frame what it goes on with.
func inContext(f frame) []frame {
	if f.op == opContinuation {
		return []frame{text("begun ").more(), f}
	}
	return []frame{f}
}

func repeat(s string, n int) string { return string(bytes.Repeat([]byte(s), n)) }
