package deflate_test

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/sluicehq/sluice/channels/internal/deflate"
)

// What src returns is passed on, and only its end is the message's end.
func TestReaderSource(t *testing.T) {
	plain := bytes.Join(jsonMessages()[:64], nil)
	payload := deflate.Compress(nil, plain, nil)
	for name, src := range map[string]io.Reader{
		"byte by byte":   iotest.OneByteReader(bytes.NewReader(payload)),
		"data with EOF":  iotest.DataErrReader(bytes.NewReader(payload)),
		"halves":         iotest.HalfReader(bytes.NewReader(payload)),
		"empty readings": &stutter{bytes.NewReader(payload), false},
	} {
		r := deflate.NewReader(src, len(plain), nil)
		if err := iotest.TestReader(r, plain); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		r.Close()
	}
	broken := errors.New("broken")
	r := deflate.NewReader(io.MultiReader(bytes.NewReader(payload[:len(payload)/2]), iotest.ErrReader(broken)), len(plain), nil)
	defer r.Close()
	got, err := io.ReadAll(r)
	if err != broken || !bytes.HasPrefix(plain, got) || len(got) < len(plain)/4 {
		t.Errorf("half a payload and an error: %d bytes, %v", len(got), err)
	}
}

// A stutter returns nothing every other time.
type stutter struct {
	io.Reader
	now bool
}

func (s *stutter) Read(p []byte) (int, error) {
	if s.now = !s.now; s.now {
		return 0, nil
	}
	return s.Reader.Read(p)
}

// A Reader returns what it has before it waits for more.
func TestReaderDoesNotWait(t *testing.T) {
	part := append(deflate.Compress(nil, []byte("first part"), nil), deflate.Tail...)
	r := deflate.NewReader(io.MultiReader(bytes.NewReader(part), iotest.ErrReader(errors.New("waited"))), 100, nil)
	defer r.Close()
	p := make([]byte, 100)
	if n, err := r.Read(p); err != nil || string(p[:n]) != "first part" {
		t.Errorf("Read returned %q, %v", p[:n], err)
	}
}

// Feed shows all that each piece inflates to, as soon as it has come, and leaves the
// window to who inflates the message for good.
func TestReaderFeed(t *testing.T) {
	plain := bytes.Join(jsonMessages()[:100], nil)
	out, in := &deflate.Window{Takeover: true}, &deflate.Window{Takeover: true}
	for round := range 3 { // from the second on matches reach into the history
		payload := deflate.Compress(nil, plain, out)
		for _, size := range []int{1, 100, len(payload)} {
			r := deflate.NewReader(nil, len(plain), in)
			var got []byte
			for rest := payload; len(rest) > 0; rest = rest[min(size, len(rest)):] {
				if err := r.Feed(rest[:min(size, len(rest))], func(p []byte) { got = append(got, p...) }); err != nil {
					t.Fatalf("round %d, pieces of %d: %v", round, size, err)
				}
			}
			r.Close()
			if !bytes.Equal(got, plain) {
				t.Errorf("round %d, pieces of %d: %d bytes that differ from the message's %d", round, size, len(got), len(plain))
			}
		}
		if got, err := deflate.Decompress(nil, payload, len(plain), in); err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("round %d: then %d bytes, %v", round, len(got), err)
		}
	}

	payload := deflate.Compress(nil, plain, nil)
	for _, tt := range []struct {
		limit int
		piece []byte
		want  error
	}{
		{len(plain) - 1, payload, deflate.ErrTooLarge},
		{len(plain), append(payload[:len(payload)/2:len(payload)/2], 0xff, 0xff, 0xff), deflate.ErrCorrupt},
	} {
		r := deflate.NewReader(nil, tt.limit, nil)
		var got []byte
		if err := r.Feed(tt.piece, func(p []byte) { got = append(got, p...) }); err != tt.want || len(got) > tt.limit || !bytes.HasPrefix(plain, got[:len(got)/2]) {
			t.Errorf("limit %d: %d bytes and %v, want %v", tt.limit, len(got), err, tt.want)
		}
		r.Close()
	}
}
