package channels

import (
	"context"
	"io"
)

// Reader returns the next message as a stream, of which no more is held than what
// was read at once: for messages too large to be kept. One that is compressed is inflated
// in pieces, in 80 KB. It must be read to its end, io.EOF, before the next read of the
// connection. Ctx holds for the reader, too; an error that it caused leaves the connection
// usable, as for [Conn.Read].
func (c *Conn) Reader(ctx context.Context) (MessageType, io.Reader, error) {
	if err := c.beginRead(ctx); err != nil {
		return 0, nil, err
	}
	typ, r, err := c.beginReader(ctx)
	if err = c.endRead(ctx, err); err != nil {
		return 0, nil, err
	}
	return typ, r, nil
}

func (c *Conn) beginReader(ctx context.Context) (MessageType, io.Reader, error) {
	in := &c.in
	if in.borrowed {
		c.releaseMessage()
	}
	if err := c.failure(); err != nil {
		return 0, nil, err
	}
	if !in.active {
		if err := c.nextFrame(); err != nil {
			return 0, nil, err
		}
	}
	// One of which a read before has taken a part is not a stream any more.
	if in.body != nil {
		m, err := c.readMessage(false)
		if err != nil {
			return 0, nil, err
		}
		return m.Type, &wholeReader{m.Data}, nil
	}
	if in.compressed {
		c.beginInflate()
	}
	return in.typ, &messageReader{c, ctx, false}, nil
}

type wholeReader struct{ rest []byte }

func (r *wholeReader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// A messageReader reads the payload of the message that c is in.
type messageReader struct {
	c    *Conn
	ctx  context.Context
	done bool
}

func (r *messageReader) Read(p []byte) (int, error) {
	if r.done {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	c := r.c
	if err := c.beginRead(r.ctx); err != nil {
		return 0, err
	}
	n, err := r.read(p)
	return n, c.endRead(r.ctx, err)
}

func (r *messageReader) read(p []byte) (int, error) {
	c := r.c
	in := &c.in
	if err := c.failure(); err != nil {
		return 0, err
	}
	if !in.active || in.compressed && c.flate.stream == nil {
		return 0, io.ErrUnexpectedEOF // another read has taken what was left
	}
	if in.compressed {
		n, err := c.readInflated(p)
		if err == io.EOF {
			err = r.finish()
		}
		return n, err
	}
	for in.left == 0 {
		if in.fin {
			return 0, r.finish()
		}
		if err := c.nextFrame(); err != nil {
			return 0, err
		}
	}
	return c.readPayload(p[:min(int64(len(p)), in.left)])
}

// finish returns io.EOF, when nothing is wrong with the message as a whole.
func (r *messageReader) finish() error {
	if err := r.c.endMessage(); err != nil {
		return err
	}
	r.done = true
	r.c.in.large = r.c.in.size > copied && !r.c.in.compressed
	return io.EOF
}
