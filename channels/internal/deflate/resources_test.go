package deflate_test

import (
	"bytes"
	"compress/flate"
	"io"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/sluicehq/sluice/channels/internal/deflate"
)

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
