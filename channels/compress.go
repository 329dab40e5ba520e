package channels

import (
	"errors"

	"github.com/sluicehq/sluice/channels/internal/handshake"
)

type Compression struct{}

func (Compression) validate() error { return nil }
func (Compression) accept(lines []string) (*flate, string, error) {
	_, err := handshake.Extensions(lines)
	return nil, "", err
}

type flate struct{ threshold int }

func (f *flate) compress(b []byte) (*buffer, bool) { return nil, false }

const deflateSlack = 1024

func (c *Conn) inflate(p []byte, borrow bool) ([]byte, error) { return nil, nil }

func (Compression) offer() string { return "" }
func (Compression) agreed(lines []string) (*flate, error) {
	if len(lines) > 0 {
		return nil, errors.New("the response has an extension that was not offered")
	}
	return nil, nil
}
