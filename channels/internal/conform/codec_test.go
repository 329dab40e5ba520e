package conform_test

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/channels/internal/conform"
)

// The codecs of the judge are held against those of the standard library.

const tail = "\x00\x00\xFF\xFF"

// texts are what compressors like and what they do not.
func texts() [][]byte {
	rng := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 70_000)
	for i := range noise {
		noise[i] = byte(rng.Uint32())
	}
	return [][]byte{
		nil, []byte("a"), []byte("Hello"), bytes.Repeat([]byte("a"), 100_000),
		[]byte(strings.Repeat("the quick brown fox ", 4000)), noise,
		append(noise[:40_000:40_000], noise[:30_000]...),
	}
}

func TestInflaterReadsTheStandardLibrary(t *testing.T) {
	for level := flate.HuffmanOnly; level <= flate.BestCompression; level++ {
		var b bytes.Buffer
		w, _ := flate.NewWriter(&b, level)
		with, without := conform.NewInflater(32768, false), conform.NewInflater(32768, true)
		for _, text := range texts() {
			b.Reset()
			w.Write(text)
			w.Flush()
			message := bytes.TrimSuffix(b.Bytes(), []byte(tail))
			if got, err := with.Message(message); err != nil || !bytes.Equal(got, text) {
				t.Errorf("level %d, %d bytes: %d bytes came out, %v", level, len(text), len(got), err)
			}
		}
		for _, text := range texts() {
			b.Reset()
			w.Reset(&b)
			w.Write(text)
			w.Flush()
			message := bytes.TrimSuffix(b.Bytes(), []byte(tail))
			if got, err := without.Message(message); err != nil || !bytes.Equal(got, text) {
				t.Errorf("level %d, %d bytes without context: %d bytes came out, %v", level, len(text), len(got), err)
			}
		}
	}
}

func TestStandardLibraryReadsTheDeflater(t *testing.T) {
	for _, noTakeover := range []bool{false, true} {
		z := conform.NewDeflater(32768, noTakeover)
		var history []byte
		for _, text := range texts() {
			if noTakeover {
				history = nil
			}
			message := append(z.Message(text), tail+"\x01\x00\x00\xFF\xFF"...)
			got, err := io.ReadAll(flate.NewReaderDict(bytes.NewReader(message), history))
			if err != nil || !bytes.Equal(got, text) {
				t.Errorf("%d bytes: %d bytes came out, %v", len(text), len(got), err)
			}
			history = append(history, text...)
			history = history[max(0, len(history)-32768):]
		}
	}
}

// Both ends of the codec agree on what a window is: a message compressed for one
// is refused by a decompressor with a smaller one.
func TestWindows(t *testing.T) {
	start := strings.Repeat("0123456789abcdef", 8)
	for bits := 8; bits < 15; bits++ {
		filler := strings.Repeat("z", 1<<bits)
		text := []byte(start + filler + start)
		message := conform.NewDeflater(2<<bits, true).Message(text)
		if _, err := conform.NewInflater(2<<bits, true).Message(message); err != nil {
			t.Errorf("%d bits: %v", bits+1, err)
		}
		if _, err := conform.NewInflater(1<<bits, true).Message(message); err == nil {
			t.Errorf("%d bits: a match from beyond the window is taken", bits)
		}
		message = conform.NewDeflater(1<<bits, true).Message(text)
		if got, err := conform.NewInflater(1<<bits, true).Message(message); err != nil || !bytes.Equal(got, text) {
			t.Errorf("%d bits: the deflater does not keep to its window: %v", bits, err)
		}
	}
}

// Without context takeover a match cannot reach into the message before.
func TestTakeover(t *testing.T) {
	with := conform.NewDeflater(32768, false)
	first, second := with.Message([]byte("Hello, Hello")), with.Message([]byte("Hello, Hello"))
	z := conform.NewInflater(32768, false)
	for _, m := range [][]byte{first, second} {
		if got, err := z.Message(m); err != nil || string(got) != "Hello, Hello" {
			t.Errorf("with context: %q, %v", got, err)
		}
	}
	z = conform.NewInflater(32768, true)
	if _, err := z.Message(first); err != nil {
		t.Error(err)
	}
	if got, err := z.Message(second); err == nil {
		t.Errorf("without context: %q", got)
	}
}

func TestDrawFrame(t *testing.T) {
	for _, test := range []struct{ bytes, want string }{
		{"\x81\x05Hello", `1   000 0001    0    0000101                   -         "Hello"  text`},
		{"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", `1   000 0001    1    0000101                   37fa213d  "Hello"  text`},
		{"\x88\x02\x03\xe8", `1   000 1000    0    0000010                   -         03 e8  close 1000`},
		{"\x42\x7e\x00\x03\x01\x02\xff", `0   100 0010    0    1111110 0x0003            -         01 02 ff  binary`},
	} {
		got, err := conform.DrawFrames([]byte(test.bytes))
		if !errors.Is(err, io.EOF) || len(got) != 1 || got[0] != test.want {
			t.Errorf("% x is drawn as\n%s\nnot as\n%s", test.bytes, strings.Join(got, "\n"), test.want)
		}
	}
}

func TestAgree(t *testing.T) {
	const deflate = "permessage-deflate"
	for _, test := range []struct {
		offers []string
		answer string
		right  bool
	}{
		{[]string{deflate}, deflate, true},
		{[]string{deflate}, deflate + "; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10", true},
		{[]string{deflate}, deflate + "; client_max_window_bits=10", false},
		{[]string{deflate + "; client_max_window_bits"}, deflate + "; client_max_window_bits=10", true},
		{[]string{deflate + "; client_max_window_bits=9"}, deflate + "; client_max_window_bits=10", false},
		{[]string{deflate + "; server_no_context_takeover"}, deflate, false},
		{[]string{deflate + "; server_max_window_bits=10"}, deflate, false},
		{[]string{deflate + "; server_max_window_bits=10"}, deflate + "; server_max_window_bits=11", false},
		{[]string{deflate + "; server_max_window_bits=10, " + deflate}, deflate, true},
		{[]string{deflate + "; server_max_window_bits=10", deflate}, deflate, true},
		{[]string{deflate + "; unknown"}, deflate, false},
		{[]string{deflate}, deflate + "; client_max_window_bits", false},
		{[]string{deflate}, deflate + ", " + deflate, false},
		{[]string{"x-other"}, deflate, false},
		{nil, deflate, false},
	} {
		err := conform.Agree(test.offers, test.answer)
		if (err == nil) != test.right {
			t.Errorf("%q answers %q: %v", test.answer, test.offers, err)
		}
	}
}
