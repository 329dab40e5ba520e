package deflate_test

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"testing"

	"github.com/sluicehq/sluice/channels/internal/deflate"
)

// The benchmarks go through 256 different JSON messages of 1.1 KB on average. The
// metric ratio is plain to compressed size.

func BenchmarkCompress(b *testing.B) {
	messages := jsonMessages()
	for _, w := range []struct {
		name   string
		window *deflate.Window
	}{
		{"sluice", nil},
		{"sluice takeover 10 bits", &deflate.Window{Bits: 10, Takeover: true}},
		{"sluice takeover 12 bits", &deflate.Window{Bits: 12, Takeover: true}},
		{"sluice takeover 15 bits", &deflate.Window{Takeover: true}},
	} {
		b.Run(w.name, func(b *testing.B) {
			dst := make([]byte, 0, 8<<10)
			compressing(b, messages, func(m []byte) int {
				dst = deflate.Compress(dst[:0], m, w.window)
				return len(dst)
			})
		})
	}
	for _, level := range []int{flate.BestSpeed, flate.DefaultCompression} {
		for _, takeover := range []bool{false, true} {
			b.Run(fmt.Sprintf("flate level %d takeover %t", level, takeover), func(b *testing.B) {
				var out bytes.Buffer
				w, err := flate.NewWriter(&out, level)
				if err != nil {
					b.Fatal(err)
				}
				compressing(b, messages, func(m []byte) int {
					out.Reset()
					if !takeover {
						w.Reset(&out)
					}
					w.Write(m)
					w.Flush()
					return out.Len() - len(deflate.Tail)
				})
			})
		}
	}
}

// compressing measures f, which returns the size of what it makes.
func compressing(b *testing.B, messages [][]byte, f func(m []byte) int) {
	b.ReportAllocs()
	plain, compressed, i := 0, 0, 0
	for b.Loop() {
		m := messages[i%len(messages)]
		i++
		plain += len(m)
		compressed += f(m)
	}
	b.SetBytes(int64(plain / i))
	b.ReportMetric(float64(plain)/float64(compressed), "ratio")
}

func BenchmarkDecompress(b *testing.B) {
	messages := jsonMessages()
	var single, chained [][]byte
	var past []byte
	for _, m := range messages {
		single = append(single, standardCompress(m, nil, flate.DefaultCompression))
		chained = append(chained, standardCompress(m, past, flate.DefaultCompression))
		// As much as the window of 4 KiB has when the message is in it too.
		past = append(past, m...)
		past = past[max(0, len(past)-2<<10):]
	}
	dst := make([]byte, 0, 8<<10)
	b.Run("sluice", func(b *testing.B) {
		inflating(b, single, func(p []byte) (err error) {
			dst, err = deflate.Decompress(dst[:0], p, 1<<20, nil)
			return err
		})
	})
	b.Run("sluice takeover 12 bits", func(b *testing.B) {
		w := &deflate.Window{Bits: 12, Takeover: true}
		chained[0] = single[0]
		inflating(b, chained, func(p []byte) (err error) {
			dst, err = deflate.Decompress(dst[:0], p, 1<<20, w)
			return err
		})
	})
	b.Run("sluice Reader", func(b *testing.B) {
		var src bytes.Reader
		inflating(b, single, func(p []byte) error {
			src.Reset(p)
			r := deflate.NewReader(&src, 1<<20, nil)
			defer r.Close()
			n, err := io.ReadFull(r, dst[:cap(dst)])
			if err != io.ErrUnexpectedEOF || n == 0 {
				return fmt.Errorf("%d bytes, %w", n, err)
			}
			return nil
		})
	})
	b.Run("flate", func(b *testing.B) {
		var src bytes.Reader
		var in []byte
		r := flate.NewReader(&src)
		inflating(b, single, func(p []byte) error {
			in = append(append(in[:0], p...), deflate.Tail+"\x01\x00\x00\xff\xff"...)
			src.Reset(in)
			r.(flate.Resetter).Reset(&src, nil)
			if n, err := io.ReadFull(r, dst[:cap(dst)]); err != io.ErrUnexpectedEOF || n == 0 {
				return fmt.Errorf("%d bytes, %w", n, err)
			}
			return nil
		})
	})
}

func inflating(b *testing.B, payloads [][]byte, f func(payload []byte) error) {
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if err := f(payloads[i%len(payloads)]); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

// One message of 1 MiB.
func BenchmarkLarge(b *testing.B) {
	plain := bytes.Repeat(bytes.Join(jsonMessages(), nil), 4)[:1<<20]
	payload := deflate.Compress(nil, plain, nil)
	var dst []byte
	b.Run("compress", func(b *testing.B) {
		b.SetBytes(1 << 20)
		for b.Loop() {
			dst = deflate.Compress(dst[:0], plain, nil)
		}
	})
	b.Run("decompress", func(b *testing.B) {
		b.SetBytes(1 << 20)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := deflate.Decompress(nil, payload, 1<<20, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}
