package deflate_test

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"math"
	"testing"

	"github.com/sluicehq/sluice/channels/internal/deflate"
)

// FuzzDecompress compares all ways to inflate with the reference, and, where that
// is possible, with compress/flate. The exceptions are what compress/flate cannot
// know: windows of less than 32 KiB, the limit, and that a message ends with the
// header of an empty stored block and nowhere else.
func FuzzDecompress(f *testing.F) {
	payloads, past := damaged()
	for i, payload := range payloads {
		f.Add(payload, past, uint8(15), uint16(4000))
		f.Add(payload, past[:i], uint8(8+i), uint16(100*i))
		f.Add(payload[:len(payload)/2], past, uint8(15), uint16(4000))
	}
	for _, payload := range []string{
		"\xf2\x48\xcd\xc9\xc9\x07\x00", "\xf2\x00\x11\x00\x00", "\x00\x05\x00\xfa\xffHello\x00", "\x00", "\x02\x00",
		"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00",
	} {
		f.Add([]byte(payload), []byte("Hello"), uint8(9), uint16(10))
	}
	f.Fuzz(func(t *testing.T, payload, past []byte, bits uint8, limit uint16) {
		bits = 8 + bits%8
		past = past[max(0, len(past)-1<<bits):]
		agree(t, payload, past, int(bits), int(limit))

		past = past[max(0, len(past)-1<<15):]
		w := &deflate.Window{Takeover: true}
		w.Remember(past)
		got, err := deflate.Decompress(nil, payload, int(limit), w)
		if err == deflate.ErrTooLarge {
			return
		}
		want, accepted := standardStream(payload, past)
		if err == nil && (!accepted || !bytes.Equal(got, want)) {
			t.Fatalf("compress/flate accepts %t and has %q, not %q", accepted, want, got)
		}
		if err != nil && accepted {
			if _, err := referenceInflate(payload, past, 15, math.MaxInt); !errors.Is(err, errEnded) {
				t.Fatalf("compress/flate accepts it and has %q; the reference says %v", want, err)
			}
		}
	})
}

// standardStream inflates a payload by compress/flate, beginning a new stream after
// each final block (RFC 7692, Section 7.2.3.4), and reports whether payload and Tail
// are whole streams, of not more than 64 KiB.
func standardStream(payload, past []byte) (out []byte, accepted bool) {
	in := bytes.NewReader(append(append(bytes.Clone(payload), deflate.Tail...), "\x01\x00\x00\xff\xff"...))
	for in.Len() > 0 {
		all := append(bytes.Clone(past), out...)
		r := flate.NewReaderDict(in, all[max(0, len(all)-1<<15):])
		b, err := io.ReadAll(io.LimitReader(r, 1<<16+1))
		out = append(out, b...)
		if err != nil || len(out) > 1<<16 {
			return out, false
		}
	}
	return out, true
}

// FuzzCompress compresses two messages with a window and lets others read them.
func FuzzCompress(f *testing.F) {
	messages := jsonMessages()
	f.Add(messages[0], messages[1], uint8(12), true)
	f.Add(messages[0][:20], messages[0][:30], uint8(8), true)
	f.Add(messages[2], fibonacci()[:3000], uint8(15), false)
	f.Add([]byte{}, []byte{0}, uint8(9), true)
	f.Add(ramp()[:5000], bytes.Repeat(messages[3], 4), uint8(15), true)
	f.Fuzz(func(t *testing.T, first, second []byte, bits uint8, takeover bool) {
		bits = 8 + bits%8
		out := &deflate.Window{Bits: bits, Takeover: takeover}
		in := &deflate.Window{Bits: bits, Takeover: takeover}
		var past []byte
		for _, plain := range [][]byte{first, second} {
			payload := deflate.Compress(nil, plain, out)
			for name, inflate := range map[string]func() ([]byte, error){
				"compress/flate": func() ([]byte, error) { return standard(payload, past) },
				"the reference":  func() ([]byte, error) { return referenceInflate(payload, past, int(bits), math.MaxInt) },
				"Decompress":     func() ([]byte, error) { return deflate.Decompress(nil, payload, len(plain), in) },
			} {
				got, err := inflate()
				if err != nil || !bytes.Equal(got, plain) {
					t.Fatalf("%s has %q (%v), not %q", name, got, err, plain)
				}
			}
			if takeover {
				past = append(past, plain...)
				past = past[max(0, len(past)-1<<bits):]
			}
		}
	})
}
