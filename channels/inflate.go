package channels

import (
	"bytes"
	"io"

	"github.com/sluicehq/sluice/channels/internal/deflate"
)

// A packed is the compressed payload of the message that its connection is in.
type packed struct{ c *Conn }

func (p packed) Read(b []byte) (int, error) {
	c := p.c
	in := &c.in
	for in.left == 0 {
		if in.fin {
			return 0, io.EOF
		}
		if err := c.nextFrame(); err != nil {
			return 0, err
		}
	}
	// It is asked for 4 KiB at a time.
	if c.buffered() == 0 && c.raw.ok {
		if err := c.fill(); err != nil {
			return 0, err
		}
	}
	return c.readPayload(b[:min(int64(len(b)), in.left)])
}

// beginInflate begins to inflate the message in pieces, unless it has begun.
func (c *Conn) beginInflate() {
	f := c.flate
	if f.stream == nil {
		f.endLook()
		f.stream = deflate.NewReader(packed{c}, c.inflatedLimit(), &f.in)
	}
}

// readInflated reads the next bytes of a message that is inflated in pieces, and checks
// them. At its end, and only then, it returns io.EOF.
func (c *Conn) readInflated(p []byte) (int, error) {
	f := c.flate
	n, err := f.stream.Read(p)
	switch err {
	case nil:
		// RFC 6455, Section 8.1: as for text that is not compressed.
		if c.in.typ == TextMessage && !c.in.utf8.Write(p[:n]) {
			err = c.failRead(StatusInvalidPayload, "invalid UTF-8")
			break
		}
		return n, nil
	case io.EOF:
	case deflate.ErrCorrupt, deflate.ErrTooLarge:
		err = c.failInflate(err)
	case errWoken: // it may go on
		return 0, err
	}
	f.stream.Close()
	f.stream = nil
	return 0, err
}

// readRest returns what is left of a message that was to be read in pieces. An error
// that the context of a read caused leaves what has come of it in in.body.
func (c *Conn) readRest() (Message, error) {
	in := &c.in
	for {
		body := in.soFar()
		in.body = growMessage(in.body, len(body)+max(len(body), messageQuantum)/2)
		body = in.body.b
		n, err := c.readInflated(body[len(body):cap(body)])
		in.body.b = body[:len(body)+n]
		if err == io.EOF {
			break
		}
		if err != nil {
			return Message{}, err
		}
	}
	m := Message{in.typ, bytes.Clone(in.body.b)}
	c.releaseMessage()
	return m, c.endMessage()
}
