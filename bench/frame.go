package main

import (
	"encoding/binary"
	"fmt"
)

// The opcodes that a client meets (RFC 6455, Section 5.2).
const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xA
)

const (
	finBit  = 0x80
	rsv1Bit = 0x40 // the message is compressed (RFC 7692, Section 6)
	maskBit = 0x80
)

// clientKey masks every frame: a server has to unmask it all the same, and the
// client need not mask again what it sends a million times.
var clientKey = [4]byte{0x37, 0xfa, 0x21, 0x3d}

// appendFrame appends a masked frame, whole and final, with first as its first
// byte (RFC 6455, Section 5.2).
func appendFrame(b []byte, first byte, payload []byte) []byte {
	b = append(b, first|finBit)
	switch n := len(payload); {
	case n < 126:
		b = append(b, maskBit|byte(n))
	case n < 1<<16:
		b = append(b, maskBit|126)
		b = binary.BigEndian.AppendUint16(b, uint16(n))
	default:
		b = append(b, maskBit|127)
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	b = append(b, clientKey[:]...)
	for i, c := range payload {
		b = append(b, c^clientKey[i&3])
	}
	return b
}

// A scanner finds the messages in what a server sends, whatever the pieces that
// it arrives in. It looks at the headers alone unless it is told to collect.
type scanner struct {
	collect  bool                             // whether message is called with the payload
	message  func(first byte, payload []byte) // at the end of a message
	control  func(op byte, payload []byte)
	messages int // that have ended

	head    [10]byte
	have    int // bytes of head
	left    uint64
	inFrame bool
	first   byte // the first byte of the message's first frame
	payload []byte
	short   []byte // of a control frame
}

// scan takes the next bytes of the stream.
func (s *scanner) scan(b []byte) error {
	for len(b) > 0 {
		if !s.inFrame {
			n, err := s.header(b)
			if err != nil {
				return err
			}
			b = b[n:]
			if !s.inFrame {
				continue
			}
		}
		n := int(min(uint64(len(b)), s.left))
		switch {
		case s.head[0]&0x8 != 0:
			s.short = append(s.short, b[:n]...)
		case s.collect:
			s.payload = append(s.payload, b[:n]...)
		}
		b = b[n:]
		s.left -= uint64(n)
		if s.left == 0 {
			s.endFrame()
		}
	}
	return nil
}

// header takes bytes of a frame's header and returns how many. An empty frame is
// ended at once, as no byte will come to end it.
func (s *scanner) header(b []byte) (int, error) {
	n := 0
	for {
		need := 2
		if s.have >= 2 {
			switch s.head[1] {
			case 126:
				need = 4
			case 127:
				need = 10
			}
		}
		if s.have == need && s.have >= 2 {
			break
		}
		if n == len(b) {
			return n, nil
		}
		s.head[s.have] = b[n]
		s.have++
		n++
	}
	if s.head[1]&maskBit != 0 {
		return n, fmt.Errorf("a masked frame from the server")
	}
	switch s.head[1] {
	case 126:
		s.left = uint64(binary.BigEndian.Uint16(s.head[2:]))
	case 127:
		s.left = binary.BigEndian.Uint64(s.head[2:])
	default:
		s.left = uint64(s.head[1])
	}
	if op := s.head[0] & 0xf; op == opText || op == opBinary {
		s.first = s.head[0]
	}
	s.have = 0
	s.inFrame = true
	if s.left == 0 {
		s.endFrame()
	}
	return n, nil
}

func (s *scanner) endFrame() {
	s.inFrame = false
	if op := s.head[0] & 0xf; op&0x8 != 0 {
		if s.control != nil {
			s.control(op, s.short)
		}
		s.short = s.short[:0]
		return
	}
	if s.head[0]&finBit == 0 {
		return
	}
	s.messages++
	if s.collect {
		s.message(s.first, s.payload)
		s.payload = s.payload[:0]
	}
}
