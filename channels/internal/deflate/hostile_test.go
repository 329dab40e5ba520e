package deflate_test

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
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

// The limit is exact, wherever it falls.
func TestLimit(t *testing.T) {
	for _, n := range []int{0, 1, 511, 512, 513, 65535, 65536, 65537, 150000} {
		for name, plain := range map[string][]byte{
			"zeros": make([]byte, n),
			"json":  bytes.Repeat(jsonMessages()[0], n/1000+1)[:n],
		} {
			for _, payload := range [][]byte{deflate.Compress(nil, plain, nil), standardCompress(plain, nil, 0)} {
				for limit, want := range map[int]error{n: nil, n + 1: nil, n - 1: deflate.ErrTooLarge, n / 2: deflate.ErrTooLarge, 0: deflate.ErrTooLarge, -1: deflate.ErrTooLarge} {
					if n == 0 {
						want = nil
					}
					for way, inflate := range map[string]func() ([]byte, error){
						"Decompress":   func() ([]byte, error) { return deflate.Decompress(nil, payload, limit, nil) },
						"Decompressor": func() ([]byte, error) { return inPieces(payload, limit, 100, nil) },
						"Reader":       func() ([]byte, error) { return readAll(payload, limit, nil) },
					} {
						if got, err := inflate(); err != want || err == nil && !bytes.Equal(got, plain) {
							t.Errorf("%s of %d %s with the limit %d: %d bytes, %v, want %v", way, n, name, limit, len(got), err, want)
						}
					}
				}
			}
		}
	}
}

// bomb returns a payload that inflates to 100 MiB; it begins with so many bytes
// that do not shrink.
func bomb(honest int) []byte {
	rnd := rand.New(rand.NewPCG(8, 8))
	plain := make([]byte, honest)
	for i := range plain {
		plain[i] = byte(rnd.Uint32())
	}
	payload := append(standardCompress(plain, nil, 0), deflate.Tail...)
	mebibyte := append(standardCompress(make([]byte, 1<<20), nil, flate.BestCompression), deflate.Tail...)
	payload = append(payload, bytes.Repeat(mebibyte, 100)...)
	return bytes.TrimSuffix(payload, []byte(deflate.Tail))
}

// F30: 100 KiB that would become 100 MiB are refused at the limit, and allocate
// less than 1 MiB even where the limit is more.
func TestBomb(t *testing.T) {
	for _, honest := range []int{0, 1000, 60000} {
		payload := bomb(honest)
		if len(payload) > 110<<10+honest {
			t.Fatalf("the bomb has %d bytes", len(payload))
		}
		for _, limit := range []int{1000, 100 << 10, 1 << 20, 16 << 20} {
			for name, inflate := range map[string]func() error{
				"Decompress": func() error { _, err := deflate.Decompress(nil, payload, limit, nil); return err },
				"Decompressor": func() error {
					d := deflate.NewDecompressor(limit, nil)
					out, _ := d.Append(nil, payload)
					return d.Finish(out)
				},
				"Reader": func() error {
					r := deflate.NewReader(bytes.NewReader(payload), limit, nil)
					defer r.Close()
					n, err := io.Copy(io.Discard, r)
					if n != int64(limit) {
						t.Errorf("the Reader returned %d bytes, the limit is %d", n, limit)
					}
					return err
				},
			} {
				if allocated := allocates(func() {
					if err := inflate(); err != deflate.ErrTooLarge {
						t.Errorf("%s: %v, want ErrTooLarge", name, err)
					}
				}); allocated >= 1<<20 {
					t.Errorf("%s with the limit %d allocates %d bytes (after %d that do not shrink)", name, limit, allocated, honest)
				}
			}
		}
	}
}

// allocates returns how many bytes f allocates.
func allocates(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// A message that is what it seems gets what it needs and little more.
func TestLargeMessageAllocations(t *testing.T) {
	plain := bytes.Repeat(bytes.Join(jsonMessages()[:16], nil), 200)
	payload := deflate.Compress(nil, plain, nil)
	if allocated := allocates(func() {
		if _, err := deflate.Decompress(nil, payload, 1<<30, nil); err != nil {
			t.Error(err)
		}
	}); allocated > uint64(len(plain)+len(plain)/4+512<<10) {
		t.Errorf("%d bytes for a message of %d", allocated, len(plain))
	}
}

// Working memory comes from pools.
func TestNoAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("with the race detector, pools forget on purpose")
	}
	plain := jsonMessages()[0]
	out, in := &deflate.Window{Bits: 12, Takeover: true}, &deflate.Window{Bits: 12, Takeover: true}
	payload, got := make([]byte, 0, 4096), make([]byte, 0, 4096)
	for _, w := range []struct{ out, in *deflate.Window }{{nil, nil}, {out, in}} {
		if n := testing.AllocsPerRun(200, func() {
			payload = deflate.Compress(payload[:0], plain, w.out)
			var err error
			if got, err = deflate.Decompress(got[:0], payload, 4096, w.in); err != nil {
				t.Error(err)
			}
		}); n != 0 {
			t.Errorf("%v allocations per message", n)
		}
	}
	if n := testing.AllocsPerRun(100, func() {
		r := deflate.NewReader(bytes.NewReader(nil), 4096, nil)
		r.Close()
	}); n > 1 { // the bytes.Reader
		t.Errorf("%v allocations per Reader", n)
	}
}

// F31: what a connection keeps is bounded, however much its messages inflate to.
func TestKept(t *testing.T) {
	w := &deflate.Window{Bits: 12, Takeover: true}
	payload := deflate.Compress(nil, make([]byte, 1<<20), nil)
	for range 20 {
		if _, err := deflate.Decompress(nil, payload, 1<<20, w); err != nil {
			t.Fatal(err)
		}
	}
	if w.Kept() != 4096 {
		t.Errorf("%d bytes are kept for a window of 4096", w.Kept())
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
