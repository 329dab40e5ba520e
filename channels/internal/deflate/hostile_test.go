package deflate_test

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/sluicehq/sluice/channels/internal/deflate"
)

// F29: garbage, truncated streams, a stored block with a wrong LEN, a missing tail.
func TestCorrupt(t *testing.T) {
	for _, c := range []struct{ name, payload string }{
		{"no payload", ""},
		{"BTYPE 3", "06 00"},
		{"BTYPE 3 with BFINAL", "07 00"},
		{"stored block, NLEN is not the complement of LEN", "00 05 00 fa fe 48 65 6c 6c 6f 00"},
		{"stored block, cut", "00 05 00 fa ff 48 65 6c 6c"},
		{"stored block, LEN cut", "00 05"},
		{"stored block, nothing after it", "00 05 00 fa ff 48 65 6c 6c 6f"},
		{"fixed block, cut", "f2 48 cd c9"},
		{"fixed block, nothing after it", "f2 48 cd c9 c9 07"},
		{"Tail was sent too", "f2 48 cd c9 c9 07 00 00 00 ff ff"},
		{"BFINAL block, nothing after it", "f3 48 cd c9 c9 07 00"},
		{"more after the last block's header", "f2 48 cd c9 c9 07 00 00"},
		{"distance before the beginning", "f2 00 11 00 00"},
		{"fixed length symbol 286", "1a 03 00"},
		{"fixed distance symbol 30", "4a 8c 79 00"},
		{"dynamic block, HLIT 31", "fc 00 00"},
		{"dynamic block, HDIST 31", "04 1f 00"},
		{"dynamic block, cut", "04 c0"},
		{"dynamic block, code lengths oversubscribed", "04 00 fe ff 00"},
		{"dynamic block, code lengths begin with a repetition", "04 80 24 00 00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			payload := unhex(t, c.payload)
			dst := []byte("kept")
			got, err := deflate.Decompress(dst, payload, 100, nil)
			if err != deflate.ErrCorrupt || string(got) != "kept" {
				t.Errorf("Decompress returned %q, %v, want ErrCorrupt", got, err)
			}
			if _, err := inPieces(payload, 100, 1, nil); err != deflate.ErrCorrupt {
				t.Errorf("a Decompressor returned %v, want ErrCorrupt", err)
			}
			if _, err := readAll(payload, 100, nil); err != deflate.ErrCorrupt {
				t.Errorf("a Reader returned %v, want ErrCorrupt", err)
			}
			if _, err := referenceInflate(payload, nil, 15, 100); err == nil {
				t.Error("the reference takes it")
			}
		})
	}
}

// inPieces inflates a payload that arrives in pieces of a size.
func inPieces(payload []byte, limit, size int, w *deflate.Window) ([]byte, error) {
	d := deflate.NewDecompressor(limit, w)
	out := []byte{}
	for len(payload) > 0 {
		piece := bytes.Clone(payload[:min(size, len(payload))])
		payload = payload[len(piece):]
		var err error
		out, err = d.Append(out, piece)
		clear(piece) // nothing of it may be used any more
		if err != nil {
			break
		}
	}
	if err := d.Finish(out); err != nil {
		return nil, err
	}
	return out, nil
}

// readAll inflates a payload by a Reader.
func readAll(payload []byte, limit int, w *deflate.Window) ([]byte, error) {
	r := deflate.NewReader(bytes.NewReader(payload), limit, w)
	defer r.Close()
	out, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	return out, nil
}

// readFaltering is readAll from a source that gives a byte at a time, and an error
// before each, after which it is read on.
func readFaltering(payload []byte, limit int, w *deflate.Window) ([]byte, error) {
	r := deflate.NewReader(&faltering{bytes.NewReader(payload), false}, limit, w)
	defer r.Close()
	out := []byte{}
	for p := make([]byte, 7); ; {
		n, err := r.Read(p)
		out = append(out, p[:n]...)
		switch err {
		case nil, errFalter:
		case io.EOF:
			return out, nil
		default:
			return nil, err
		}
	}
}

var errFalter = errors.New("not now")

type faltering struct {
	io.Reader
	now bool
}

func (f *faltering) Read(p []byte) (int, error) {
	if f.now = !f.now; f.now {
		return 0, errFalter
	}
	return f.Reader.Read(p[:1])
}

// damaged are payloads of all three kinds of blocks, with references into past.
func damaged() (payloads [][]byte, past []byte) {
	messages := jsonMessages()
	past = messages[0][:400]
	w := &deflate.Window{Takeover: true}
	w.Add(past)
	return [][]byte{
		deflate.Compress(nil, messages[1][:500], w),
		deflate.Compress(nil, []byte("Hello, Hello, Hello, Hello"), nil),
		standardCompress(messages[2][:30], nil, flate.NoCompression),
		standardCompress(messages[3][:300], past, flate.BestCompression),
		append(append(deflate.Compress(nil, messages[4][:50], nil), deflate.Tail...), deflate.Compress(nil, messages[5][:200], nil)...),
	}, past
}

// agree inflates a payload in every way and fails unless they agree with the
// reference.
func agree(t *testing.T, payload, past []byte, bits, limit int) (accepted bool) {
	t.Helper()
	window := func() *deflate.Window {
		w := &deflate.Window{Bits: uint8(bits), Takeover: true}
		w.Remember(past)
		return w
	}
	want, wantErr := referenceInflate(payload, past, bits, limit)
	for name, inflate := range map[string]func() ([]byte, error){
		"Decompress": func() ([]byte, error) { return deflate.Decompress(nil, payload, limit, window()) },
		"Decompressor": func() ([]byte, error) {
			return inPieces(payload, limit, 1+len(payload)/3, window())
		},
		"Decompressor, byte by byte": func() ([]byte, error) { return inPieces(payload, limit, 1, window()) },
		"Reader":                     func() ([]byte, error) { return readAll(payload, limit, window()) },
		"Reader, faltering":          func() ([]byte, error) { return readFaltering(payload, limit, window()) },
	} {
		got, err := inflate()
		if (err == nil) != (wantErr == nil) || !bytes.Equal(got, want) {
			t.Fatalf("%s of % x (%d bits, limit %d): %d bytes and %v, the reference has %d and %v",
				name, payload, bits, limit, len(got), err, len(want), wantErr)
		}
		if err != nil && err != deflate.ErrCorrupt && err != deflate.ErrTooLarge {
			t.Fatalf("%s returned %v", name, err)
		}
		if errors.Is(wantErr, errOver) && err != deflate.ErrTooLarge {
			t.Fatalf("%s returned %v, want ErrTooLarge", name, err)
		}
	}
	// What is fed is seen, all of a message that is right; and what is over the limit
	// is told.
	var seen []byte
	r := deflate.NewReader(nil, limit, window())
	defer r.Close()
	err := r.Feed(payload, func(p []byte) { seen = append(seen, p...) })
	switch {
	case wantErr == nil && (err != nil || !bytes.Equal(seen, want)),
		errors.Is(wantErr, errOver) && err != deflate.ErrTooLarge,
		err == deflate.ErrTooLarge && !errors.Is(wantErr, errOver), len(seen) > limit:
		t.Fatalf("Feed of % x (%d bits, limit %d): %d bytes and %v, the reference has %d and %v",
			payload, bits, limit, len(seen), err, len(want), wantErr)
	}
	return wantErr == nil
}

// F29: every truncation and every flipped bit.
func TestDamaged(t *testing.T) {
	payloads, past := damaged()
	for i, payload := range payloads {
		if !agree(t, payload, past, 15, 4000) {
			t.Fatalf("payload %d is not accepted as it is", i)
		}
		for n := range payload {
			if agree(t, payload[:n], past, 15, 4000) && i < 2 {
				t.Errorf("payload %d is accepted when %d of %d bytes are left", i, n, len(payload))
			}
		}
		for bit := range 8 * len(payload) {
			flipped := bytes.Clone(payload)
			flipped[bit/8] ^= 1 << (bit % 8)
			agree(t, flipped, past, 15, 4000)
		}
	}
}

func TestGarbage(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 7))
	past := jsonMessages()[0]
	accepted := 0
	for range 5000 {
		payload := make([]byte, rnd.IntN(40))
		for i := range payload {
			payload[i] = byte(rnd.Uint32())
		}
		if agree(t, payload, past, 8+rnd.IntN(8), 1+rnd.IntN(2000)) {
			accepted++
		}
	}
	if accepted == 0 || accepted > 500 {
		t.Errorf("%d of 5000 random payloads were accepted", accepted)
	}
}

// Takeover works through all three ways to inflate, in any order.
func TestTakeoverMixed(t *testing.T) {
	for _, bits := range []uint8{9, 12, 15} {
		out, in := &deflate.Window{Bits: bits, Takeover: true}, &deflate.Window{Bits: bits, Takeover: true}
		for i, plain := range sequence(rand.New(rand.NewPCG(1, uint64(bits)))) {
			payload := deflate.Compress(nil, plain, out)
			var got []byte
			var err error
			switch i % 3 {
			case 0:
				got, err = deflate.Decompress(nil, payload, len(plain), in)
			case 1:
				got, err = inPieces(payload, len(plain), 1+i, in)
			default:
				got, err = readAll(payload, len(plain), in)
			}
			if err != nil || !bytes.Equal(got, plain) {
				t.Fatalf("%d bits, message %d of %d bytes: %d, %v", bits, i, len(plain), len(got), err)
			}
		}
	}
}

// A table must have room for the worst codes there can be.
func TestTableSizes(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 1))
	mostLit, mostDist := 0, 0
	for range 2000 {
		lit, dist := deflate.TableEntries(codeLengths(rnd, 286)), deflate.DistTableEntries(codeLengths(rnd, 30))
		mostLit, mostDist = max(mostLit, lit), max(mostDist, dist)
	}
	if mostLit < 1100 || mostDist < 260 {
		t.Errorf("at most %d and %d entries were used; the test does not reach far", mostLit, mostDist)
	}
}

// codeLengths splits a code at random until there are n of them.
func codeLengths(rnd *rand.Rand, n int) []int {
	lens := []int{0}
	deep := rnd.IntN(3) > 0
	for len(lens) < n {
		i := rnd.IntN(len(lens))
		if deep && rnd.IntN(4) > 0 {
			i = len(lens) - 1
		}
		if lens[i] < 15 {
			lens[i]++
			lens = append(lens, lens[i])
		}
	}
	rnd.Shuffle(len(lens), func(i, j int) { lens[i], lens[j] = lens[j], lens[i] })
	return lens
}

// An error stays.
func TestErrorStays(t *testing.T) {
	d := deflate.NewDecompressor(100, nil)
	if _, err := d.Append(nil, []byte{0x06}); err != deflate.ErrCorrupt {
		t.Fatalf("Append of a block of type 3 returned %v", err)
	}
	if out, err := d.Append([]byte("kept"), deflate.Compress(nil, []byte("Hello"), nil)); err != deflate.ErrCorrupt || string(out) != "kept" {
		t.Errorf("the next Append returned %q, %v", out, err)
	}
	if err := d.Finish(nil); err != deflate.ErrCorrupt {
		t.Errorf("Finish returned %v", err)
	}
	r := deflate.NewReader(bytes.NewReader([]byte{0x06}), 100, nil)
	defer r.Close()
	for range 2 {
		if n, err := r.Read(make([]byte, 10)); n != 0 || err != deflate.ErrCorrupt {
			t.Errorf("Read returned %d, %v", n, err)
		}
	}
}

// Different connections, at the same time.
func TestConcurrent(t *testing.T) {
	messages := jsonMessages()
	var wg sync.WaitGroup
	for conn := range 8 {
		wg.Go(func() {
			out, in := &deflate.Window{Bits: 12, Takeover: true}, &deflate.Window{Bits: 12, Takeover: true}
			for i := range 100 {
				plain := messages[(i*7+conn*31)%len(messages)]
				payload := deflate.Compress(nil, plain, out)
				got, err := deflate.Decompress(nil, payload, len(plain), in)
				if err != nil || !bytes.Equal(got, plain) {
					t.Errorf("connection %d, message %d: %v", conn, i, err)
					return
				}
			}
		})
	}
	wg.Wait()
}
