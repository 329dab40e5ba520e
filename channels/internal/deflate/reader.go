package deflate

import (
	"io"
	"sync"
)

// A Reader inflates a message of any size in a fixed room. It has 80 KB and comes
// from a pool, to which Close returns it.
type Reader struct {
	decoder
	src    io.Reader
	window *Window
	left   int // of the limit
	err    error

	// Buf has what matches may refer to, and from next to end what has not been
	// read.
	buf       [2 * maxWindow]byte
	next, end int
	input     [4 << 10]byte
}

var readers = sync.Pool{New: func() any { return new(Reader) }}

// NewReader returns a Reader of one message of at most limit bytes, whose payload
// (without Tail) src has up to io.EOF.
func NewReader(src io.Reader, limit int, w *Window) *Reader {
	r := readers.Get().(*Reader)
	r.begin(0, w)
	r.src, r.window, r.left, r.err = src, w, max(0, limit), nil
	r.next, r.end = 0, 0
	return r
}

// Read returns the next bytes of the message. At its end, when src has ended and
// the message is complete, it returns io.EOF, and with context takeover the message
// has joined w's history. Other errors are ErrCorrupt, ErrTooLarge once limit bytes
// were read and there are more, and those of src, after which it may be tried again.
// It does not wait for src while it has something to return.
func (r *Reader) Read(p []byte) (int, error) {
	for r.next == r.end && len(p) > 0 {
		if r.err != nil {
			return 0, r.err
		}
		if err := r.more(); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.buf[r.next:r.end])
	r.next += n
	return n, nil
}

// Feed inflates the next piece of a message that has not come whole, for a look at
// it: see is called with parts of what the piece inflates to, which are valid until
// it returns. It is for a Reader whose source is nil, and after which the message is
// inflated once more when it is complete: w is left as it was. Errors are
// ErrCorrupt and ErrTooLarge, after which nothing more may be fed.
func (r *Reader) Feed(piece []byte, see func([]byte)) error {
	r.in, r.pos = piece, 0
	for {
		err := r.decode()
		see(r.buf[r.next:r.end])
		r.next = r.end
		if err != errFull {
			r.in = nil
			return err
		}
	}
}

// decode decodes more, when all has been read. The error is nil when all input is
// used up, errFull when it may not be.
func (r *Reader) decode() error {
	if r.end+margin > len(r.buf) {
		old := r.end - maxWindow
		copy(r.buf[:], r.buf[old:r.end])
		r.start -= old
		r.next, r.end = maxWindow, maxWindow
	}
	n, err := r.run(r.buf[:], r.end)
	r.left -= n - r.end
	if r.left < 0 {
		r.end = n + r.left
		return ErrTooLarge
	}
	r.end = n
	return err
}

// more decodes more, and reads more for it. What ends the message is in r.err then,
// behind what was decoded before; an error of src is returned.
func (r *Reader) more() error {
	switch r.err = r.decode(); {
	case r.err == errFull:
		r.err = nil
		return nil
	case r.err != nil || r.next < r.end:
		return nil
	}
	k, err := r.src.Read(r.input[:])
	r.in, r.pos = r.input[:k], 0
	switch {
	case k > 0: // an error comes again
	case err != io.EOF:
		return err
	case !r.complete():
		r.err = ErrCorrupt
	default:
		r.window.keep(r.buf[max(0, r.start):r.end], maxWindow)
		r.err = io.EOF
	}
	return nil
}

// Close returns the Reader to its pool; nothing of it may be used then. If Read has
// not returned io.EOF, w is of no use any more.
func (r *Reader) Close() {
	r.src, r.window, r.history, r.in = nil, nil, nil, nil
	readers.Put(r)
}
