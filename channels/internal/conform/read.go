package conform

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
)

// biggest is the largest payload that is read from an endpoint: what the suite
// sends, and a little.
const biggest = 17 << 20

// readFrame reads a frame as it is: which of its parts are right is for the
// caller to judge, but for a length beyond biggest.
func readFrame(r *bufio.Reader) (frame, error) {
	var head [10]byte
	if _, err := io.ReadFull(r, head[:2]); err != nil {
		return frame{}, err
	}
	f := frame{
		fin:    head[0]&0x80 != 0,
		rsv:    head[0] >> 4 & 0b111,
		op:     head[0] & 0b1111,
		masked: head[1]&0x80 != 0,
		form:   7,
	}
	n := uint64(head[1] & 0x7F)
	switch n {
	case 126:
		f.form = 16
		if _, err := io.ReadFull(r, head[2:4]); err != nil {
			return f, cutShort(err)
		}
		n = uint64(binary.BigEndian.Uint16(head[2:4]))
	case 127:
		f.form = 64
		if _, err := io.ReadFull(r, head[2:10]); err != nil {
			return f, cutShort(err)
		}
		n = binary.BigEndian.Uint64(head[2:10])
	}
	f.announce = &n
	if f.masked {
		f.key = new([4]byte)
		if _, err := io.ReadFull(r, f.key[:]); err != nil {
			return f, cutShort(err)
		}
	}
	if n > biggest {
		return f, fmt.Errorf("the frame announces %d bytes, more than anything that was sent", n)
	}
	f.payload = make([]byte, n)
	got, err := io.ReadFull(r, f.payload)
	f.payload = f.payload[:got]
	if f.masked {
		mask(f.payload, *f.key)
	}
	if err != nil {
		return f, cutShort(err)
	}
	return f, nil
}

// cutShort tells an end within a frame from one between frames.
func cutShort(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
