package conform_test

import (
	"bytes"
	"compress/flate"
	"io"
	"testing"

	"github.com/sluicehq/sluice/channels/internal/conform"
)

// What one endpoint sends must not bring down the judge of all.

func FuzzReadFrame(f *testing.F) {
	for _, seed := range []string{"\x81\x05Hello", "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", "\x82\x7e\x00\x80", "\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff", "\x88\x01\x03"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		again, err := conform.Reencode(b)
		if err == nil && !bytes.HasPrefix(b, again) {
			t.Errorf("% x is encoded as % x", b, again)
		}
		conform.DrawFrames(b)
	})
}

// What compress/flate can read, the judge's inflater reads the same way, unless it
// is strict for a reason: it never reads anything else.
func FuzzInflate(f *testing.F) {
	for _, seed := range []string{"\xf2\x48\xcd\xc9\xc9\x07\x00", "\x00\x05\x00\xfa\xffHello\x00", "\xf3\x48\xcd\xc9\xc9\x07\x00\x00", "\x00", "\x06", "\xfc\xff\xff\xff"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 4096 {
			return
		}
		got, err := conform.NewInflater(32768, true).Message(b)
		if err != nil {
			return
		}
		in := bytes.NewReader(append(b[:len(b):len(b)], tail+"\x01\x00\x00\xFF\xFF"...))
		var want []byte
		for in.Len() > 0 {
			part, err := io.ReadAll(flate.NewReaderDict(in, want[max(0, len(want)-32768):]))
			if err != nil {
				t.Fatalf("compress/flate refuses what the judge takes: %v", err)
			}
			want = append(want, part...)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%q, and %q by compress/flate", got, want)
		}
	})
}

func FuzzDeflate(f *testing.F) {
	f.Add([]byte("Hello Hello"), []byte("Hello"), byte(8))
	f.Fuzz(func(t *testing.T, first, second []byte, bits byte) {
		window := 1 << (8 + bits%8)
		z, back := conform.NewDeflater(window, false), conform.NewInflater(window, false)
		for _, text := range [][]byte{first, second} {
			if got, err := back.Message(z.Message(text)); err != nil || !bytes.Equal(got, text) {
				t.Errorf("%q came back as %q, %v", text, got, err)
			}
		}
	})
}

func FuzzParseOffer(f *testing.F) {
	for _, seed := range []string{"permessage-deflate", `permessage-deflate; client_max_window_bits="10"`, `constructor; __proto__="`, ";", ",", "a;b=c,d"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		bits, err := conform.ParseOffer(line)
		for _, n := range bits {
			if err == nil && n != 0 && (n < 8 || n > 15) {
				t.Errorf("%q has %d window bits", line, n)
			}
		}
	})
}

func FuzzReadHead(f *testing.F) {
	f.Add([]byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 400\r\n: x\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) { conform.ReadHead(b) })
}
