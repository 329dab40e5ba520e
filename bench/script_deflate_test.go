package main

import (
	"bytes"
	"compress/flate"
	"io"
	"strings"
	"testing"
)

const takeoverAnswer = "permessage-deflate; client_max_window_bits=12; server_max_window_bits=12"

// A receiver that keeps no more than the negotiated window can read every message.
func TestDeflateScriptStaysInTheWindow(t *testing.T) {
	for _, tt := range []struct {
		answer string
		window int
		mode   deflateMode
	}{
		{"permessage-deflate; server_no_context_takeover; client_no_context_takeover", 0, deflateMessage},
		{takeoverAnswer, 1 << 12, deflateTakeover},
		{"permessage-deflate", 1 << 15, deflateTakeover},
	} {
		made, err := newDeflateScript(LoadArgs{Deflate: tt.mode, InFlight: 1}, tt.answer)
		if err != nil {
			t.Fatal(err)
		}
		s := made.(*deflateScript)
		var past []byte
		for n := range 2*documents + 3 {
			frame := bytes.Clone(s.batch(n))
			reply, _ := nextReply(frame)
			_, plain := inflate(t, reply, past[max(0, len(past)-tt.window):])
			if !bytes.Equal(plain, s.plain[n%documents]) {
				t.Fatalf("%s: message %d is not what was meant", tt.answer, n)
			}
			past = append(past, plain...)
		}
	}
}

func inflate(t *testing.T, frame, dict []byte) (first byte, plain []byte) {
	t.Helper()
	scan := scanner{collect: true, message: func(f byte, p []byte) {
		tail := strings.NewReader("\x00\x00\xff\xff\x01\x00\x00\xff\xff")
		b, err := io.ReadAll(flate.NewReaderDict(io.MultiReader(bytes.NewReader(p), tail), dict))
		if err != nil {
			t.Fatal(err)
		}
		first, plain = f, b
	}}
	if err := scan.scan(frame); err != nil {
		t.Fatal(err)
	}
	return first, plain
}

func TestDeflateScriptFindsDamage(t *testing.T) {
	made, err := newDeflateScript(LoadArgs{Deflate: deflateTakeover, InFlight: 16}, takeoverAnswer)
	if err != nil {
		t.Fatal(err)
	}
	s := made.(*deflateScript)
	good := s.deflate(40, 1<<12)
	if err := s.verify(40, finBit|opText|rsv1Bit, good); err != nil {
		t.Errorf("a good message: %v", err)
	}
	for name, err := range map[string]error{
		"another message":         s.verify(41, finBit|opText|rsv1Bit, good),
		"without the bit":         s.verify(40, finBit|opText, good),
		"another type":            s.verify(40, finBit|opBinary|rsv1Bit, good),
		"without its last byte":   s.verify(40, finBit|opText|rsv1Bit, good[:len(good)-1]),
		"with a byte that is not": s.verify(40, finBit|opText|rsv1Bit, append([]byte{7}, good...)),
	} {
		if err == nil {
			t.Errorf("a message %s passed", name)
		}
	}
}

func TestDeflateScriptRefusesAnotherMode(t *testing.T) {
	for mode, answer := range map[deflateMode]string{
		deflateMessage:  takeoverAnswer,
		deflateTakeover: "permessage-deflate; server_no_context_takeover",
	} {
		if _, err := newDeflateScript(LoadArgs{Deflate: mode, InFlight: 1}, answer); err == nil {
			t.Errorf("mode %s took %q", mode, answer)
		}
	}
	if _, err := newDeflateScript(LoadArgs{Deflate: deflateMessage, InFlight: 1}, ""); err == nil {
		t.Error("no extension was taken for compression")
	}
}

func TestJSONDocumentsAreOfOneSize(t *testing.T) {
	for i, d := range jsonDocuments() {
		if len(d) < 1000 || len(d) > 1200 {
			t.Errorf("document %d has %d bytes", i, len(d))
		}
	}
}
