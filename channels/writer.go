package channels

import (
	"context"
	"errors"
	"io"

	"github.com/sluicehq/sluice/channels/internal/deflate"
	"github.com/sluicehq/sluice/channels/internal/frame"
)

// Writer returns a writer for one message, sent in fragments of about 64 KiB as it
// is written: for messages too large to be kept. Close sends the last one. No other
// data message can be written meanwhile; pings, pongs and a close can. Ctx holds
// until Close.
func (c *Conn) Writer(ctx context.Context, typ MessageType) (io.WriteCloser, error) {
	if err := c.lockMessage(ctx); err != nil {
		return nil, err
	}
	defer c.unlockWrite()
	w := &messageWriter{c: c, ctx: ctx, opcode: byte(typ), buf: getWriteBuffer(), done: make(chan struct{})}
	w.begin()
	c.busy.Store(w)
	return w, nil
}

// A messageWriter sends the fragments of one message.
type messageWriter struct {
	c      *Conn
	ctx    context.Context
	opcode byte    // of the next fragment
	flate  bool    // the message is compressed, fragment by fragment
	buf    *buffer // the fragment, with room for its header in front; nil once closed
	err    error
	done   chan struct{} // closed by Close
}

// begin begins a fragment.
func (w *messageWriter) begin() { w.buf.b = w.buf.b[:frame.MaxHeader] }

var errWriterClosed = errors.New("websocket: write to a closed message")

func (w *messageWriter) Write(p []byte) (int, error) {
	if w.buf == nil {
		return 0, errWriterClosed
	}
	written := 0
	for len(p) > 0 && w.err == nil {
		n := min(len(p), writeBuffer-len(w.buf.b))
		w.buf.b = append(w.buf.b, p[:n]...)
		written += n
		if p = p[n:]; len(p) > 0 {
			w.flush(false)
		}
	}
	return written, w.err
}

// Close sends what is left, as the message's last fragment.
func (w *messageWriter) Close() error {
	if w.buf == nil {
		return w.err
	}
	if w.err == nil {
		w.flush(true)
	}
	putWriteBuffer(w.buf)
	w.buf = nil
	w.c.busy.Store(nil)
	close(w.done)
	return w.err
}

func (w *messageWriter) flush(last bool) {
	if w.err = w.c.lockWrite(w.ctx); w.err != nil {
		return
	}
	defer w.c.unlockWrite()
	h := frame.Header{Fin: last, Opcode: w.opcode}
	whole := w.buf.b
	if f := w.c.flate; f != nil && w.opcode != frame.Continuation && len(whole)-frame.MaxHeader >= f.threshold {
		w.flate = true
		h.RSV = frame.RSV1 // RFC 7692, Section 6.1: on the first fragment only
	}
	if w.flate {
		z := getWriteBuffer()
		defer putWriteBuffer(z)
		z.b = deflate.Compress(z.b[:frame.MaxHeader], whole[frame.MaxHeader:], &w.c.flate.out)
		if !last {
			z.b = append(z.b, deflate.Tail...)
		}
		whole = z.b
	}
	w.err = w.c.writeInPlace(h, whole)
	w.begin()
	w.opcode = frame.Continuation
}
