package frame_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sluicehq/sluice/channels/internal/frame"
)

// bits reads a frame drawn as bits, as in RFC 6455, Section 5.2; a group of eight is
// a byte, and "…" stands for bytes given in hex.
func bits(t *testing.T, s string) []byte {
	t.Helper()
	s = strings.NewReplacer(" ", "", "|", "", "\n", "").Replace(s)
	var b []byte
	for ; len(s) >= 8; s = s[8:] {
		n, err := strconv.ParseUint(s[:8], 2, 8)
		if err != nil {
			t.Fatal(err)
		}
		b = append(b, byte(n))
	}
	if s != "" {
		t.Fatalf("%d bits are left over", len(s))
	}
	return b
}

func TestParse(t *testing.T) {
	const (
		key  = "00000001 00000010 00000011 00000100"
		zero = "00000000"
	)
	tests := []struct {
		name string
		bits string // FIN RSV opcode | MASK length | …
		want frame.Header
		n    int
		err  error
	}{
		{"nothing", "", frame.Header{}, 0, nil},
		{"one byte", "1 000 0001", frame.Header{Fin: true, Opcode: frame.Text}, 0, nil},
		{"text", "1 000 0001 | 0 0000101", frame.Header{Fin: true, Opcode: frame.Text, Length: 5}, 2, nil},
		{"masked", "1 000 0010 | 1 0000101 |" + key, frame.Header{Fin: true, Opcode: frame.Binary, Masked: true, Key: [4]byte{1, 2, 3, 4}, Length: 5}, 6, nil},
		{"masked, without its key", "1 000 0010 | 1 0000101 | 00000001", frame.Header{Fin: true, Opcode: frame.Binary, Masked: true, Length: 5}, 0, nil},
		{"first fragment, compressed", "0 100 0001 | 0 0000000", frame.Header{RSV: frame.RSV1, Opcode: frame.Text}, 2, nil},
		{"16 bits of length", "1 000 0010 | 0 1111110 | 00000000 01111110", frame.Header{Fin: true, Opcode: frame.Binary, Length: 126}, 4, nil},
		{"64 bits of length", "1 000 0010 | 0 1111111 |" + strings.Repeat(zero, 5) + "00000001 00000000 00000000", frame.Header{Fin: true, Opcode: frame.Binary, Length: 65536}, 10, nil},
		{"F1 RSV2", "1 010 0001", frame.Header{}, 0, frame.ErrReserved},
		{"F1 RSV3", "1 001 0001", frame.Header{}, 0, frame.ErrReserved},
		{"F2 RSV1 on a control frame", "1 100 1001", frame.Header{}, 0, frame.ErrReserved},
		{"F3 RSV1 on a continuation", "1 100 0000", frame.Header{}, 0, frame.ErrReserved},
		{"F4 opcode 3", "1 000 0011", frame.Header{}, 0, frame.ErrOpcode},
		{"F4 opcode 7", "1 000 0111", frame.Header{}, 0, frame.ErrOpcode},
		{"F4 opcode 11", "1 000 1011", frame.Header{}, 0, frame.ErrOpcode},
		{"F4 opcode 15", "1 000 1111", frame.Header{}, 0, frame.ErrOpcode},
		{"F8 the length's first bit", "1 000 0010 | 0 1111111 | 10000000", frame.Header{}, 0, frame.ErrLengthMSB},
		{"F13 125 in 16 bits", "1 000 0010 | 0 1111110 | 00000000 01111101", frame.Header{}, 0, frame.ErrLength},
		{"F13 65535 in 64 bits", "1 000 0010 | 0 1111111 |" + strings.Repeat(zero, 6) + "11111111 11111111", frame.Header{}, 0, frame.ErrLength},
		{"F14 a fragmented ping", "0 000 1001", frame.Header{}, 0, frame.ErrFragmented},
		{"F15 a ping of 126 bytes", "1 000 1001 | 1 1111110", frame.Header{}, 0, frame.ErrControl},
		{"F26 a close of 126 bytes", "1 000 1000 | 1 1111110", frame.Header{}, 0, frame.ErrControl},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var h frame.Header
			n, err := frame.Parse(bits(t, tt.bits), &h)
			if n != tt.n || !errors.Is(err, tt.err) {
				t.Fatalf("n %d, error %v; want %d, %v", n, err, tt.n, tt.err)
			}
			if err != nil {
				return
			}
			if diff := cmp.Diff(tt.want, h); diff != "" {
				t.Errorf("header (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAppend(t *testing.T) {
	for _, length := range []int64{0, 1, 125, 126, 127, 65535, 65536, 1 << 40} {
		for _, masked := range []bool{false, true} {
			want := frame.Header{Fin: true, Opcode: frame.Binary, Masked: masked, Length: length}
			if masked {
				want.Key = [4]byte{9, 8, 7, 6}
			}
			b := frame.Append(nil, &want)
			var got frame.Header
			n, err := frame.Parse(b, &got)
			if err != nil || n != len(b) {
				t.Fatalf("%d: %d of %d bytes, %v", length, n, len(b), err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%d (-want +got):\n%s", length, diff)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte{0x81, 0x05, 'h'})
	f.Add([]byte{0x82, 0xfe, 0x00, 0x7e, 1, 2, 3, 4})
	f.Add([]byte{0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4})
	f.Fuzz(func(t *testing.T, b []byte) {
		var h frame.Header
		n, err := frame.Parse(b, &h)
		if n < 0 || n > len(b) || n > frame.MaxHeader || err != nil && n != 0 {
			t.Fatalf("n %d, error %v for %d bytes", n, err, len(b))
		}
		// An error shows as soon as its bytes are there, and never goes away.
		for i := range b {
			var p frame.Header
			if _, early := frame.Parse(b[:i], &p); early != nil && err == nil {
				t.Fatalf("%v after %d bytes, and none after %d", early, i, len(b))
			}
		}
		if n == 0 {
			return
		}
		// What was parsed is written in the same way: the form is unique.
		if again := frame.Append(nil, &h); !bytes.Equal(again, b[:n]) {
			t.Fatalf("parsed % x, written % x", b[:n], again)
		}
		if h.Length < 0 || n >= 10 && uint64(h.Length) != binary.BigEndian.Uint64(b[2:]) {
			t.Fatalf("length %d", h.Length)
		}
	})
}
