// Package frame reads and writes the header of a WebSocket frame (RFC 6455,
// Section 5.2). It knows the layout and what is wrong with a header on its own;
// what a header means in its place is the connection's business.
package frame

import (
	"encoding/binary"
	"errors"
)

// The opcodes (RFC 6455, Section 5.2).
const (
	Continuation = 0x0
	Text         = 0x1
	Binary       = 0x2
	Close        = 0x8
	Ping         = 0x9
	Pong         = 0xA
)

// The first byte's flags, and the second's.
const (
	Fin  = 0x80
	RSV1 = 0x40
	RSV2 = 0x20
	RSV3 = 0x10
	Mask = 0x80
)

const (
	MaxHeader  = 14  // two bytes, eight of length, four of masking key
	MaxControl = 125 // payload of a control frame (RFC 6455, Section 5.5)
)

// A Header is a frame's header.
type Header struct {
	Fin    bool
	RSV    byte // the bits RSV1, RSV2, RSV3
	Opcode byte
	Masked bool
	Key    [4]byte // the masking key
	Length int64   // of the payload
}

// Control reports whether the frame is a control frame (RFC 6455, Section 5.5).
func (h *Header) Control() bool { return h.Opcode&0x8 != 0 }

// What is wrong with a header on its own.
var (
	ErrReserved   = errors.New("reserved bit set")
	ErrOpcode     = errors.New("reserved opcode")
	ErrFragmented = errors.New("fragmented control frame")
	ErrControl    = errors.New("control frame over 125 bytes")
	ErrLength     = errors.New("length not in its shortest form")
	ErrLengthMSB  = errors.New("length with its most significant bit set")
)

// Parse reads the header at the beginning of b into h and returns its size: 0
// when b does not hold all of it. An error is returned as soon as the bytes
// that are there show it.
func Parse(b []byte, h *Header) (n int, err error) {
	if len(b) < 1 {
		return 0, nil
	}
	first := b[0]
	h.Fin = first&Fin != 0
	h.RSV = first & (RSV1 | RSV2 | RSV3)
	h.Opcode = first & 0x0f
	// RFC 6455, Section 5.2: if an unknown opcode is received, the receiving
	// endpoint MUST fail the connection.
	if op := h.Opcode; op > Binary && op < Close || op > Pong {
		return 0, ErrOpcode
	}
	// RFC 6455, Section 5.2: RSV bits MUST be 0 unless an extension gives them a
	// meaning. Only RSV1 has one (RFC 7692, Section 6), on the first frame of a
	// message.
	if h.RSV&(RSV2|RSV3) != 0 || h.RSV != 0 && h.Opcode != Text && h.Opcode != Binary {
		return 0, ErrReserved
	}
	// RFC 6455, Section 5.5: control frames MUST NOT be fragmented.
	if h.Control() && !h.Fin {
		return 0, ErrFragmented
	}
	if len(b) < 2 {
		return 0, nil
	}
	h.Masked = b[1]&Mask != 0
	length := b[1] & 0x7f
	// RFC 6455, Section 5.5: control frames MUST have 125 bytes or less.
	if h.Control() && length > MaxControl {
		return 0, ErrControl
	}
	n = 2
	switch length {
	case 126:
		if len(b) < 4 {
			return 0, nil
		}
		h.Length = int64(binary.BigEndian.Uint16(b[2:]))
		n = 4
		// RFC 6455, Section 5.2: the minimal number of bytes MUST be used.
		if h.Length < 126 {
			return 0, ErrLength
		}
	case 127:
		// RFC 6455, Section 5.2: the most significant bit MUST be 0.
		if len(b) > 2 && b[2]&0x80 != 0 {
			return 0, ErrLengthMSB
		}
		if len(b) < 10 {
			return 0, nil
		}
		h.Length = int64(binary.BigEndian.Uint64(b[2:]))
		n = 10
		if h.Length < 1<<16 {
			return 0, ErrLength
		}
	default:
		h.Length = int64(length)
	}
	if h.Masked {
		if len(b) < n+4 {
			return 0, nil
		}
		h.Key = [4]byte(b[n:])
		n += 4
	}
	return n, nil
}

// Append appends the header h to b. The length is written in its shortest form.
func Append(b []byte, h *Header) []byte {
	first := h.Opcode | h.RSV
	if h.Fin {
		first |= Fin
	}
	var mask byte
	if h.Masked {
		mask = Mask
	}
	switch {
	case h.Length <= MaxControl:
		b = append(b, first, mask|byte(h.Length))
	case h.Length < 1<<16:
		b = append(b, first, mask|126)
		b = binary.BigEndian.AppendUint16(b, uint16(h.Length))
	default:
		b = append(b, first, mask|127)
		b = binary.BigEndian.AppendUint64(b, uint64(h.Length))
	}
	if h.Masked {
		b = append(b, h.Key[:]...)
	}
	return b
}

// Whole reports whether b begins with a complete frame.
func Whole(b []byte) bool {
	var h Header
	n, err := Parse(b, &h)
	return err == nil && n > 0 && int64(len(b)-n) >= h.Length
}
