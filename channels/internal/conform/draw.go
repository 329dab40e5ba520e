package conform

import (
	"encoding/binary"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// drawn is the line above drawn frames.
const drawn = "FIN RSV opcode  MASK length                    key       payload"

// String draws the frame as bits:
//
//	1   000 0001    1    1111110 0x0080            37fa213d  "aaaaaaaaaaaaaaaa" … 128 bytes  text
func (f frame) String() string { return f.draw(len(f.payload)) }

// draw is String for a frame of which only the beginning of the payload has been
// kept, and have bytes were there.
func (f frame) draw(have int) string {
	key := "-"
	if f.masked && f.key != nil {
		key = fmt.Sprintf("%x", *f.key)
	}
	return fmt.Sprintf("%d   %03b %04b    %d    %-25s %-8s  %s  %s",
		bit(f.fin), f.rsv, f.op, bit(f.masked), f.drawLength(), key, f.drawPayload(uint64(have)), f.describe())
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (f frame) drawLength() string {
	form := f.form
	if form == 0 {
		form = minimal(f.size())
	}
	switch form {
	case 16:
		return fmt.Sprintf("1111110 0x%04x", f.size())
	case 64:
		return fmt.Sprintf("1111111 0x%016x", f.size())
	}
	return fmt.Sprintf("%07b", f.size()&0x7F)
}

func (f frame) drawPayload(have uint64) string {
	s := quote(f.payload)
	switch {
	case have < f.size():
		s += fmt.Sprintf(", %d of %d bytes", have, f.size())
	case have > shown:
		s += fmt.Sprintf(", %d bytes", have)
	}
	return s
}

// describe says in words what the opcode and, in a close frame, the payload mean.
func (f frame) describe() string {
	switch f.op {
	case opContinuation:
		return "continuation"
	case opText:
		return "text"
	case opBinary:
		return "binary"
	case opClose:
		if len(f.payload) >= 2 {
			return fmt.Sprintf("close %d", binary.BigEndian.Uint16(f.payload))
		}
		return "close"
	case opPing:
		return "ping"
	case opPong:
		return "pong"
	}
	return "reserved opcode"
}

// shown is how many bytes of a payload are drawn.
const shown = 24

// quote shows the beginning of b: as text where it is printable, otherwise as hex.
func quote(b []byte) string {
	cut := ""
	if len(b) > shown {
		b, cut = b[:shown], " …"
	}
	if printable(b) {
		return fmt.Sprintf("%q", b) + cut
	}
	return fmt.Sprintf("% x", b) + cut
}

func printable(b []byte) bool {
	if !utf8.Valid(b) {
		return false
	}
	for _, r := range string(b) {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}

// drawText indents lines of HTTP, with what cannot be seen escaped.
func drawText(b []byte, indent string) string {
	const most = 1200
	rest := 0
	if len(b) > most {
		rest = len(b) - most
		b = b[:most]
	}
	var s strings.Builder
	for line := range strings.SplitAfterSeq(string(b), "\n") {
		if line == "" {
			continue
		}
		quoted := fmt.Sprintf("%q", strings.TrimSuffix(line, "\r\n"))
		if quoted == `""` {
			quoted = `"(empty line)"`
		}
		s.WriteString(indent + quoted[1:len(quoted)-1] + "\n")
	}
	if rest > 0 {
		fmt.Fprintf(&s, "%s… and %d bytes\n", indent, rest)
	}
	return s.String()
}
