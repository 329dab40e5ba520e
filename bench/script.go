package main

import (
	"bytes"
	"fmt"
	"strings"
)

// A script is what the client sends, and what it expects to come back. A message
// is named by its number in the life of its connection.
type script interface {
	// batch returns the frames of InFlight messages from number n on.
	batch(n int) []byte
	// verify says what is wrong with the n-th message that has come.
	verify(n int, first byte, payload []byte) error
}

func newScript(args LoadArgs, extension string) (script, error) {
	if args.Deflate != deflateOff {
		return newDeflateScript(args, extension)
	}
	if extension != "" {
		return nil, fmt.Errorf("the server chose an extension that was not offered: %q", extension)
	}
	s := &plainScript{op: opBinary, payload: payload(args.Size, args.Text)}
	if args.Text {
		s.op = opText
	}
	for range args.InFlight {
		s.frames = appendFrame(s.frames, s.op, s.payload)
	}
	return s, nil
}

// plainScript sends the same message again and again.
type plainScript struct {
	op      byte
	payload []byte
	frames  []byte
}

func (s *plainScript) batch(int) []byte { return s.frames }

func (s *plainScript) verify(_ int, first byte, payload []byte) error {
	if op := first & 0xf; op != s.op || first&rsv1Bit != 0 {
		return fmt.Errorf("a message came back with the first byte %#x, want opcode %#x", first, s.op)
	}
	if !bytes.Equal(payload, s.payload) {
		return fmt.Errorf("%d bytes came back changed as %d bytes", len(s.payload), len(payload))
	}
	return nil
}

// payload returns n bytes: of English, or of every value there is.
func payload(n int, text bool) []byte {
	if text {
		const s = "The quick brown fox jumps over the lazy dog, and nobody minds. "
		return []byte(strings.Repeat(s, n/len(s)+1)[:n])
	}
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7)
	}
	return b
}
