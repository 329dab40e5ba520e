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
