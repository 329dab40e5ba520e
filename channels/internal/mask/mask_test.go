package mask_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/channels/internal/mask"
)

var key = [4]byte{0x37, 0xfa, 0x21, 0x3d}

// reference is the definition of RFC 6455, Section 5.3, one octet at a time.
func reference(b []byte, key [4]byte, pos int) []byte {
	out := make([]byte, len(b))
	for i := range b {
		out[i] = b[i] ^ key[(pos+i)&3]
	}
	return out
}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return b
}

// RFC 6455, Section 5.7: a single-frame masked text message, "Hello".
func TestRFCExample(t *testing.T) {
	got := []byte("Hello")
	if pos := mask.XOR(got, key, 0); pos != 1 {
		t.Errorf("XOR of 5 bytes from 0 returned the offset %d, want 1", pos)
	}
	if diff := cmp.Diff([]byte{0x7f, 0x9f, 0x4d, 0x51, 0x58}, got); diff != "" {
		t.Errorf("masked payload (-want +got):\n%s", diff)
	}
}

// Every alignment of the memory, every offset into the key and every length up to
// several times the unrolled block, with guard bytes on both sides.
func TestAgainstByteLoop(t *testing.T) {
	const guard = 0xee
	for align := range 8 {
		for pos := range 4 {
			for n := range 200 {
				src := pattern(n)
				want := reference(src, key, pos)
				buf := bytes.Repeat([]byte{guard}, align+n+8)
				b := buf[align : align+n]

				copy(b, src)
				next := mask.XOR(b, key, pos)
				check(t, "XOR", align, pos, n, next, want, b)

				clear(b)
				next = mask.Copy(buf[align:], src, key, pos)
				check(t, "Copy", align, pos, n, next, want, b)

				outside := append(buf[:align:align], buf[align+n:]...)
				if bytes.Count(outside, []byte{guard}) != len(outside) {
					t.Fatalf("align %d, pos %d, length %d: written outside of the payload", align, pos, n)
				}
				if !bytes.Equal(pattern(n), src) {
					t.Fatalf("Copy changed its source (-want +got):\n%s", cmp.Diff(pattern(n), src))
				}
			}
		}
	}
}

func check(t *testing.T, name string, align, pos, n, next int, want, got []byte) {
	t.Helper()
	if next != (pos+n)&3 {
		t.Fatalf("%s of %d bytes from %d returned the offset %d, want %d", name, n, pos, next, (pos+n)&3)
	}
	if !bytes.Equal(want, got) {
		t.Fatalf("%s, align %d, pos %d, length %d (-want +got):\n%s", name, align, pos, n, cmp.Diff(want, got))
	}
}

func TestPieces(t *testing.T) {
	src := pattern(150)
	want := reference(src, key, 0)
	for size := 1; size < len(src); size++ {
		got, pos := bytes.Clone(src), 0
		for start := 0; start < len(got); start += size {
			pos = mask.XOR(got[start:min(start+size, len(got))], key, pos)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("in pieces of %d bytes (-want +got):\n%s", size, diff)
		}
	}
}

func TestCopyIntoTooLittle(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("Copy into a destination that is too short did not panic")
		}
	}()
	mask.Copy(make([]byte, 2), make([]byte, 3), key, 0)
}

func FuzzXOR(f *testing.F) {
	f.Add([]byte("Hello"), uint32(0x3d21fa37), 0, 3)
	f.Add(pattern(130), uint32(0), 3, 64)
	f.Add([]byte{}, uint32(1), -1, 0)
	f.Fuzz(func(t *testing.T, b []byte, k uint32, pos, cut int) {
		key := [4]byte{byte(k), byte(k >> 8), byte(k >> 16), byte(k >> 24)}
		want := reference(b, key, pos)
		got := bytes.Clone(b)
		cut = max(0, min(cut, len(b)))
		mask.XOR(got[cut:], key, mask.XOR(got[:cut], key, pos))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("masked in two pieces (-want +got):\n%s", diff)
		}
	})
}

func BenchmarkXOR(b *testing.B) {
	for _, n := range []int{16, 128, 1 << 10, 64 << 10} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			buf := make([]byte, n+1)[1:] // payloads are seldom aligned
			b.SetBytes(int64(n))
			pos := 0
			for b.Loop() {
				pos = mask.XOR(buf, key, pos)
			}
		})
	}
}

func BenchmarkCopy(b *testing.B) {
	for _, n := range []int{16, 128, 1 << 10, 64 << 10} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			dst, src := make([]byte, n+1)[1:], make([]byte, n)
			b.SetBytes(int64(n))
			for b.Loop() {
				mask.Copy(dst, src, key, 0)
			}
		})
	}
}
