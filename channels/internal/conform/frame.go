package conform

import (
	"encoding/binary"
	"slices"
)

// The opcodes of RFC 6455, Section 5.2.
const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xA
)

// The reserved bits as they stand in a frame's first byte, shifted to the right.
const (
	rsv1 = 0b100
	rsv2 = 0b010
	rsv3 = 0b001
)

// A frame is a frame as it is on the wire, right or wrong. The builders below
// make valid ones, the methods after them change a copy in one respect.
type frame struct {
	fin      bool
	rsv      byte // three bits, RSV1 the highest
	op       byte
	masked   bool
	key      *[4]byte // nil in a frame to be sent: any
	form     int      // bits that the length is written with: 7, 16 or 64; 0: as few as possible
	announce *uint64  // the length in the header when it is not that of payload
	payload  []byte   // not masked

	misdirected bool     // masked when it must not be, or the other way around
	echo        *message // on the first frame of a compressed message: what it says
}

// A message is what an endpoint has to echo.
type message struct {
	op   byte
	data []byte
}

func text(s string) frame        { return frame{fin: true, op: opText, payload: []byte(s)} }
func binaryFrame(b []byte) frame { return frame{fin: true, op: opBinary, payload: b} }
func continuation(s string) frame {
	return frame{fin: true, op: opContinuation, payload: []byte(s)}
}
func ping(s string) frame       { return frame{fin: true, op: opPing, payload: []byte(s)} }
func pong(s string) frame       { return frame{fin: true, op: opPong, payload: []byte(s)} }
func closeBytes(b string) frame { return frame{fin: true, op: opClose, payload: []byte(b)} }

func closing(code uint16, reason string) frame {
	return closeBytes(string(binary.BigEndian.AppendUint16(nil, code)) + reason)
}

// data returns a frame of either kind of data.
func data(op byte, b []byte) frame { return frame{fin: true, op: op, payload: b} }

func (f frame) more() frame           { f.fin = false; return f }
func (f frame) bits(rsv byte) frame   { f.rsv = rsv; return f }
func (f frame) opcode(op byte) frame  { f.op = op; return f }
func (f frame) length(form int) frame { f.form = form; return f }
func (f frame) misdirect() frame      { f.misdirected = true; return f }
func (f frame) keyed(k1, k2, k3, k4 byte) frame {
	f.key = &[4]byte{k1, k2, k3, k4}
	return f
}

// announcing makes the header promise n bytes, whatever is behind it.
func (f frame) announcing(n uint64) frame { f.announce = &n; return f }

// split makes a message of the frame: fragments of n bytes.
func (f frame) split(n int) []frame {
	var cuts []int
	for at := n; at < len(f.payload); at += n {
		cuts = append(cuts, at)
	}
	return f.cut(cuts...)
}

// cut makes a message of the frame: fragments that end at the offsets.
func (f frame) cut(offsets ...int) []frame {
	var fragments []frame
	start := 0
	for _, end := range append(offsets, len(f.payload)) {
		fragment := f
		fragment.fin = false
		fragment.payload = f.payload[start:end]
		if len(fragments) > 0 {
			fragment.op, fragment.rsv, fragment.echo = opContinuation, 0, nil
		}
		fragments = append(fragments, fragment)
		start = end
	}
	fragments[len(fragments)-1].fin = true
	return fragments
}

// between puts the frame made by f behind each of frames but the last.
func between(frames []frame, f func(i int) frame) []frame {
	var all []frame
	for i, fragment := range frames {
		if i > 0 {
			all = append(all, f(i))
		}
		all = append(all, fragment)
	}
	return all
}

// size is the length in the frame's header.
func (f frame) size() uint64 {
	if f.announce != nil {
		return *f.announce
	}
	return uint64(len(f.payload))
}

// minimal is the number of bits that a length has to be written with (RFC 6455,
// Section 5.2).
func minimal(n uint64) int {
	switch {
	case n < 126:
		return 7
	case n < 1<<16:
		return 16
	}
	return 64
}

// appendHeader encodes everything before the payload.
func (f frame) appendHeader(b []byte) []byte {
	first := f.rsv<<4 | f.op
	if f.fin {
		first |= 0x80
	}
	var mask byte
	if f.masked {
		mask = 0x80
	}
	form := f.form
	if form == 0 {
		form = minimal(f.size())
	}
	switch form {
	case 7:
		b = append(b, first, mask|byte(f.size()))
	case 16:
		b = append(b, first, mask|126)
		b = binary.BigEndian.AppendUint16(b, uint16(f.size()))
	case 64:
		b = append(b, first, mask|127)
		b = binary.BigEndian.AppendUint64(b, f.size())
	}
	if f.masked {
		b = append(b, f.key[:]...)
	}
	return b
}

// append encodes the frame; key must be set where masked is.
func (f frame) append(b []byte) []byte {
	b = f.appendHeader(slices.Grow(b, len(f.payload)+14))
	start := len(b)
	b = append(b, f.payload...)
	if f.masked {
		mask(b[start:], *f.key)
	}
	return b
}

// mask applies a masking key in place, by the definition in RFC 6455, Section 5.3.
func mask(b []byte, key [4]byte) {
	for i := range b {
		b[i] ^= key[i&3]
	}
}
