package deflate_test

import (
	"bytes"
	"compress/flate"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/channels/internal/deflate"
)

// unhex turns "f2 48" into bytes.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The examples of RFC 7692, Section 7.2.3, without their frame headers.
func TestRFCExamples(t *testing.T) {
	for _, c := range []struct{ name, payload, want string }{
		{"7.2.3.1 one block", "f2 48 cd c9 c9 07 00", "Hello"},
		{"7.2.3.3 stored block", "00 05 00 fa ff 48 65 6c 6c 6f 00", "Hello"},
		{"7.2.3.4 BFINAL", "f3 48 cd c9 c9 07 00 00", "Hello"},
		{"7.2.3.5 two blocks", "f2 48 05 00 00 00 ff ff ca c9 c9 07 00", "Hello"},
		{"7.2.3.6 empty", "00", ""},
		{"empty fixed block", "02 00", ""},
		{"blocks after BFINAL", "f3 48 cd c9 c9 07 00 f3 48 cd c9 c9 07 00 00", "HelloHello"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := deflate.Decompress(nil, unhex(t, c.payload), 100, nil)
			if err != nil || string(got) != c.want {
				t.Errorf("Decompress returned %q, %v, want %q", got, err, c.want)
			}
		})
	}
}

// RFC 7692, Section 7.2.3.2: the second "Hello" refers to the first.
func TestRFCTakeoverExample(t *testing.T) {
	w := &deflate.Window{Takeover: true}
	for i, payload := range []string{"f2 48 cd c9 c9 07 00", "f2 00 11 00 00"} {
		plain, err := deflate.Decompress(nil, unhex(t, payload), 5, w)
		if err != nil || string(plain) != "Hello" {
			t.Fatalf("message %d inflates to %q, %v", i, plain, err)
		}
	}
	if _, err := deflate.Decompress(nil, unhex(t, "f2 00 11 00 00"), 5, nil); err != deflate.ErrCorrupt {
		t.Errorf("a reference to a message before, without takeover: %v, want ErrCorrupt", err)
	}
}

// inputs are plain messages of all kinds.
func inputs() map[string][]byte {
	rnd := rand.New(rand.NewPCG(1, 2))
	random := make([]byte, 1<<20)
	for i := range random {
		random[i] = byte(rnd.Uint32())
	}
	text := []byte(strings.Repeat("Sluice carries messages; what it carries comes out as it went in. ", 16000))[:1<<20]
	// Two thirds of a text changed here and there is neither random nor the same.
	mixed := bytes.Clone(text)
	for i := range mixed {
		if rnd.IntN(12) == 0 {
			mixed[i] = random[i]
		}
	}
	in := map[string][]byte{
		"json":      bytes.Join(jsonMessages(), []byte("\n")),
		"fibonacci": fibonacci(),
		"ramp":      ramp(),
	}
	for _, n := range []int{0, 1, 2, 3, 4, 5, 7, 8, 9, 16, 100, 257, 258, 259, 260, 1000, 4095, 4096, 4097, 20000,
		32767, 32768, 32769, 65534, 65535, 65536, 65537, 98303, 98304, 98305} {
		in[fmt.Sprintf("random %d", n)] = random[:n]
		in[fmt.Sprintf("text %d", n)] = text[:n]
		in[fmt.Sprintf("mixed %d", n)] = mixed[:n]
		in[fmt.Sprintf("zeros %d", n)] = make([]byte, n)
	}
	in["random 1 MiB"] = random
	in["mixed 1 MiB"] = mixed
	return in
}

// fibonacci has frequencies for which Huffman's codes would have 20 bits.
func fibonacci() []byte {
	var b []byte
	for i, f := 0, [2]int{1, 1}; len(b) < 60000; i++ {
		b = append(b, bytes.Repeat([]byte{byte(i)}, f[0])...)
		f[0], f[1] = f[1], f[0]+f[1]
	}
	rand.New(rand.NewPCG(3, 4)).Shuffle(len(b), func(i, j int) { b[i], b[j] = b[j], b[i] })
	return b
}

// ramp has matches of all lengths.
func ramp() []byte {
	rnd := rand.New(rand.NewPCG(5, 6))
	var b []byte
	for n := range 600 {
		for range 10 {
			b = append(b, byte(rnd.Uint32()))
		}
		from := rnd.IntN(len(b))
		b = append(b, b[from:min(len(b), from+n)]...)
	}
	return b
}

// standard inflates a payload with package compress/flate.
func standard(payload, past []byte) ([]byte, error) {
	tail := strings.NewReader(deflate.Tail + "\x01\x00\x00\xff\xff") // the last one ends the stream
	r := flate.NewReaderDict(io.MultiReader(bytes.NewReader(payload), tail), past)
	return io.ReadAll(r)
}

// standardCompress compresses with package compress/flate.
func standardCompress(plain, past []byte, level int) []byte {
	var b bytes.Buffer
	w, err := flate.NewWriterDict(&b, level, past)
	if err != nil {
		panic(err)
	}
	w.Write(plain)
	w.Flush()
	return bytes.TrimSuffix(b.Bytes(), []byte(deflate.Tail))
}

func TestRoundTrip(t *testing.T) {
	for name, plain := range inputs() {
		payload := deflate.Compress(nil, plain, nil)
		if most := len(plain) + 5*(1+len(plain)/4096) + 1; len(payload) > most {
			t.Errorf("%s: %d bytes become %d, more than %d", name, len(plain), len(payload), most)
		}
		got, err := standard(payload, nil)
		if err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("%s: compress/flate reads what Compress made of %d bytes as %d others (%v)", name, len(plain), len(got), err)
		}
		got, err = deflate.Decompress(nil, payload, len(plain), nil)
		if err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("%s: Decompress reads what Compress made of %d bytes as %d others (%v)", name, len(plain), len(got), err)
		}
		for _, level := range []int{flate.DefaultCompression, flate.BestSpeed, flate.HuffmanOnly, flate.NoCompression} {
			if len(plain) > 200000 && level == flate.DefaultCompression {
				continue // slow
			}
			got, err = deflate.Decompress(nil, standardCompress(plain, nil, level), len(plain), nil)
			if err != nil || !bytes.Equal(got, plain) {
				t.Fatalf("%s: Decompress reads what compress/flate made of %d bytes at level %d as %d others (%v)", name, len(plain), level, len(got), err)
			}
		}
	}
}

func TestAppends(t *testing.T) {
	prefix := []byte("before ")
	payload := deflate.Compress(bytes.Clone(prefix), []byte("message"), nil)
	if !bytes.HasPrefix(payload, prefix) {
		t.Fatalf("Compress overwrote dst: %q", payload)
	}
	for _, room := range []int{0, 1, 3, 7, 20, 1000} {
		dst := append(make([]byte, 0, len(prefix)+room), prefix...)
		got, err := deflate.Decompress(dst, payload[len(prefix):], 7, nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff("before message", string(got)); diff != "" {
			t.Errorf("Decompress with room for %d (-want +got):\n%s", room, diff)
		}
	}
}

// With takeover, every message is read by three others that have the same window: ours,
// compress/flate, and one that knows not a byte more than the window allows.
func TestTakeover(t *testing.T) {
	for bits := 8; bits <= 15; bits++ {
		t.Run(fmt.Sprintf("%d bits", bits), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(uint64(bits), 0))
			out := &deflate.Window{Bits: uint8(bits), Takeover: true}
			in := &deflate.Window{Bits: uint8(bits), Takeover: true}
			var past []byte
			var plainSize, payloadSize int
			for i, plain := range sequence(rnd) {
				payload := deflate.Compress(nil, plain, out)
				plainSize += len(plain)
				payloadSize += len(payload)
				for name, inflate := range map[string]func() ([]byte, error){
					"Decompress":     func() ([]byte, error) { return deflate.Decompress(nil, payload, len(plain), in) },
					"compress/flate": func() ([]byte, error) { return standard(payload, past) },
					"reference":      func() ([]byte, error) { return referenceInflate(payload, past, bits, math.MaxInt) },
				} {
					got, err := inflate()
					if err != nil || !bytes.Equal(got, plain) {
						t.Fatalf("message %d of %d bytes: %s makes %d bytes of it (%v)", i, len(plain), name, len(got), err)
					}
				}
				past = append(past, plain...)
				past = past[max(0, len(past)-1<<bits):]
			}
			if bits >= 10 && payloadSize*2 > plainSize {
				t.Errorf("%d bytes became %d; takeover does not help", plainSize, payloadSize)
			}
			if kept := out.Kept(); kept > min(1<<bits, 4<<10) {
				t.Errorf("the compressing side keeps %d bytes", kept)
			}
			if kept := in.Kept(); kept > 1<<bits {
				t.Errorf("the decompressing side keeps %d bytes", kept)
			}
		})
	}
}

// sequence is a conversation: mostly JSON, now and then something else.
func sequence(rnd *rand.Rand) [][]byte {
	var messages [][]byte
	for i, m := range jsonMessages()[:60] {
		switch i % 12 {
		case 3:
			m = nil
		case 5:
			m = make([]byte, rnd.IntN(300))
			for j := range m {
				m[j] = byte(rnd.Uint32())
			}
		case 7:
			m = bytes.Repeat(m, 1+rnd.IntN(60))
		case 9:
			m = m[:rnd.IntN(20)]
		}
		messages = append(messages, m)
	}
	return messages
}

// Messages of compress/flate that refer to those before.
func TestTakeoverFromStandard(t *testing.T) {
	in := &deflate.Window{Takeover: true}
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.BestCompression) // the level is valid
	for i, plain := range sequence(rand.New(rand.NewPCG(9, 9))) {
		w.Write(plain)
		w.Flush()
		payload := bytes.TrimSuffix(b.Bytes(), []byte(deflate.Tail))
		got, err := deflate.Decompress(nil, payload, len(plain), in)
		if err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("message %d of %d bytes inflates to %d (%v)", i, len(plain), len(got), err)
		}
		b.Reset()
	}
}

// Without takeover the window still bounds the distances in a message.
func TestWindowWithoutTakeover(t *testing.T) {
	plain := bytes.Join(jsonMessages()[:20], nil)
	last := math.MaxInt
	for bits := 8; bits <= 15; bits++ {
		w := &deflate.Window{Bits: uint8(bits)}
		payload := deflate.Compress(nil, plain, w)
		got, err := referenceInflate(payload, nil, bits, len(plain))
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%d bits: %v", bits, err)
		}
		if w.Kept() != 0 {
			t.Errorf("%d bits: %d bytes are kept without takeover", bits, w.Kept())
		}
		if len(payload) > last {
			t.Errorf("%d bits: %d bytes, more than with less", bits, len(payload))
		}
		last = len(payload)
	}
	// RFC 7692, Section 7.1.2.2: the peer must not use more than it has agreed to.
	payload := standardCompress(append(bytes.Repeat([]byte{0}, 10), append([]byte("a place far away"), append(bytes.Repeat([]byte{1}, 300), "a place far away"...)...)...), nil, 6)
	for bits, want := range map[uint8]error{8: deflate.ErrCorrupt, 9: nil, 15: nil} {
		if _, err := deflate.Decompress(nil, payload, 1000, &deflate.Window{Bits: bits}); err != want {
			t.Errorf("a distance of 316 with %d bits: %v, want %v", bits, err, want)
		}
	}
}

// A message that is sent as it comes: each part ends with Tail, the last without.
func TestParts(t *testing.T) {
	for _, takeover := range []bool{false, true} {
		out, in := &deflate.Window{Takeover: takeover}, &deflate.Window{Takeover: takeover}
		for i, plain := range jsonMessages()[:20] {
			var payload []byte
			half := len(plain) / 2
			payload = append(deflate.Compress(payload, plain[:half], out), deflate.Tail...)
			payload = append(deflate.Compress(payload, plain[half:], out), deflate.Tail...)
			payload = deflate.Compress(payload, nil, out)
			got, err := deflate.Decompress(nil, payload, len(plain), in)
			if err != nil || !bytes.Equal(got, plain) {
				t.Fatalf("takeover %t, message %d: %v", takeover, i, err)
			}
		}
	}
}

// A broadcast is compressed once; the windows learn of it.
func TestBroadcastBetween(t *testing.T) {
	messages := jsonMessages()
	out, in := &deflate.Window{Takeover: true, Bits: 12}, &deflate.Window{Takeover: true, Bits: 12}
	for i, plain := range messages[:60] {
		var payload []byte
		if i%3 == 1 {
			payload = deflate.Compress(nil, plain, &deflate.Window{Bits: 12})
			out.Add(plain)
		} else {
			payload = deflate.Compress(nil, plain, out)
		}
		got, err := deflate.Decompress(nil, payload, len(plain), in)
		if err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("message %d: %v", i, err)
		}
	}
}

// What TryCompress does not compress is in neither history.
func TestTryCompress(t *testing.T) {
	noise := make([]byte, 1000)
	rand.NewChaCha8([32]byte{1}).Read(noise)
	out, in := &deflate.Window{Takeover: true}, &deflate.Window{Takeover: true}
	dst := []byte("before")
	for i, tt := range []struct {
		plain []byte
		want  bool
	}{
		{jsonMessages()[0], true}, {noise, false}, {jsonMessages()[1], true}, {noise[:1], false}, {nil, false}, {jsonMessages()[0], true},
	} {
		plain := tt.plain
		payload, ok := deflate.TryCompress(dst, plain, out)
		if ok != tt.want {
			t.Fatalf("message %d: compressed %t, want %t", i, ok, tt.want)
		}
		if !ok {
			if string(payload) != "before" {
				t.Errorf("message %d: %q is returned", i, payload)
			}
			continue
		}
		got, err := deflate.Decompress(nil, payload[len(dst):], len(plain), in)
		if err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("message %d: %d bytes, %v", i, len(got), err)
		}
	}
}
