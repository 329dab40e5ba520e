package main

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// seen is what a scanner reports, in order.
type seen struct {
	First   byte
	Payload string
}

func scanAll(t *testing.T, pieces ...[]byte) ([]seen, int) {
	t.Helper()
	var got []seen
	s := scanner{
		collect: true,
		message: func(first byte, p []byte) { got = append(got, seen{first, string(p)}) },
		control: func(op byte, p []byte) { got = append(got, seen{op, string(p)}) },
	}
	for _, p := range pieces {
		if err := s.scan(p); err != nil {
			t.Fatal(err)
		}
	}
	return got, s.messages
}

func TestScanner(t *testing.T) {
	long := bytes.Repeat([]byte("x"), 300)
	stream := []byte{
		0b1_000_0001, 3, 'a', 'b', 'c', // text
		0b1_000_0010, 0, // binary, empty
		0b0_100_0001, 2, 'd', 'e', // compressed text, to be continued
		0b1_000_1001, 1, 'p', // ping in between
		0b1_000_0000, 1, 'f', // the end
		0b1_000_0010, 126, 0x01, 0x2c, // binary of 300 bytes
	}
	stream = append(stream, long...)
	stream = append(stream, 0b1_000_0001, 127, 0, 0, 0, 0, 0, 0, 0, 1, 'g')
	want := []seen{
		{finBit | opText, "abc"},
		{finBit | opBinary, ""},
		{opPing, "p"},
		{rsv1Bit | opText, "def"},
		{finBit | opBinary, string(long)},
		{finBit | opText, "g"},
	}
	got, n := scanAll(t, stream)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("in one piece (-want +got):\n%s", diff)
	}
	if n != 5 {
		t.Errorf("messages = %d, want 5", n)
	}
	for i := range stream {
		if got, _ := scanAll(t, stream[:i], stream[i:]); !cmp.Equal(want, got) {
			t.Fatalf("cut at byte %d (-want +got):\n%s", i, cmp.Diff(want, got))
		}
	}
	var bytewise [][]byte
	for i := range stream {
		bytewise = append(bytewise, stream[i:i+1])
	}
	if got, _ := scanAll(t, bytewise...); !cmp.Equal(want, got) {
		t.Errorf("byte by byte (-want +got):\n%s", cmp.Diff(want, got))
	}
}

func TestScannerRefusesMaskedFrames(t *testing.T) {
	var s scanner
	if err := s.scan(appendFrame(nil, opText, []byte("x"))); err == nil {
		t.Error("a masked frame of a server passed")
	}
}

// What the client sends is what the floor understands, and the floor's reply is
// what the client understands.
func TestFloorReply(t *testing.T) {
	for _, n := range []int{0, 1, 5, 125, 126, 4096, 65535, 65536} {
		want := payload(n, false)
		frames := appendFrame(nil, opBinary, want)
		size := len(frames)
		for _, cut := range []int{0, 1, 5, size - 1} {
			if cut < size {
				if reply, _ := nextReply(bytes.Clone(frames[:cut])); reply != nil {
					t.Fatalf("%d bytes: %d of them were taken for all", n, cut)
				}
			}
		}
		reply, used := nextReply(append(frames, 0x82))
		if used != size {
			t.Fatalf("%d bytes: a frame of %d was taken for %d", n, size, used)
		}
		got, _ := scanAll(t, reply)
		if diff := cmp.Diff([]seen{{finBit | opBinary, string(want)}}, got); diff != "" {
			t.Errorf("%d bytes (-want +got):\n%s", n, diff)
		}
	}
}
