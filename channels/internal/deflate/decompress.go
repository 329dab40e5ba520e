package deflate

import (
	"math"
	"sync"
)

// Decompress appends a message to dst, given its whole payload src (without Tail).
// With context takeover the message then joins w's history. The error is
// ErrTooLarge as soon as there is more than limit, ErrCorrupt for anything that is
// wrong with src; dst is then returned as it was, and w is of no use any more.
//
// Where dst has too little capacity, what is allocated is up to four times the size
// of src, or 64 KiB. If that is not enough, the rest is counted before it is given
// room: what is over the limit never gets any. Decompress writes to dst's capacity
// beyond what it returns.
func Decompress(dst, src []byte, limit int, w *Window) ([]byte, error) {
	d := NewDecompressor(limit, w)
	d.whole = true
	out, _ := d.Append(dst, src)
	if err := d.Finish(out); err != nil {
		return out[:len(dst)], err
	}
	return out, nil
}

// A Decompressor inflates a message that arrives in pieces.
type Decompressor struct {
	decoder
	window *Window
	limit  int
	whole  bool // there is only one piece
	begun  bool
	err    error
}

var decompressors = sync.Pool{New: func() any { return new(Decompressor) }}

// NewDecompressor returns a Decompressor for one message, of at most limit bytes.
// It has 8 KB and comes from a pool, to which Finish returns it.
func NewDecompressor(limit int, w *Window) *Decompressor {
	d := decompressors.Get().(*Decompressor)
	d.window, d.limit, d.whole, d.begun, d.err = w, max(0, limit), false, false, nil
	return d
}

// Append appends what a piece of the payload inflates to; it keeps nothing of
// piece. Dst begins where the message is to begin in the first call, and is what
// the last call has returned in all others. For errors and memory see Decompress;
// after an error it returns the same one again.
func (d *Decompressor) Append(dst, piece []byte) ([]byte, error) {
	if !d.begun {
		d.begun = true
		d.begin(len(dst), d.window)
	}
	if d.err != nil {
		return dst, d.err
	}
	d.in, d.pos = piece, 0
	out, n := dst[:cap(dst)], len(dst)
	for {
		if len(out)-d.start > d.limit {
			out = out[:d.start+d.limit]
		}
		n, d.err = d.run(out, n)
		if d.err != errFull {
			break
		}
		if out, d.err = d.grow(out, n); d.err != nil {
			break
		}
	}
	d.in = nil
	if d.err != nil {
		return dst, d.err
	}
	return out[:n], nil
}

// How much is allocated without knowing that it is needed: some times the size of
// the input, and what is small.
const (
	perInput = 4
	small    = 64 << 10
)

// grow returns out with more room.
func (d *Decompressor) grow(out []byte, n int) ([]byte, error) {
	have := len(out) - d.start
	if have >= d.limit {
		return nil, ErrTooLarge
	}
	size := max(2*have, perInput*len(d.in), 512)
	if size > max(small, perInput*len(d.in)) {
		rest, err := d.measure(d.limit - (n - d.start))
		if err != nil {
			return nil, err
		}
		size = n - d.start + rest
		if !d.whole {
			size = max(size, 2*have) // or it would be copied for every piece
		}
	}
	size = min(size, d.limit)
	grown := make([]byte, d.start+size)
	copy(grown, out[:n])
	return grown, nil
}

// measure returns how long the rest of the output is that the input makes.
func (d *Decompressor) measure(limit int) (int, error) {
	r := readers.Get().(*Reader)
	defer r.Close()
	// What is there does not matter: only lengths are of interest.
	r.decoder = d.decoder
	r.start = math.MinInt / 2
	for total := 0; ; {
		n, err := r.run(r.buf[:], maxWindow)
		total += n - maxWindow
		if total > limit {
			return 0, ErrTooLarge
		}
		if err != errFull {
			return total, err
		}
	}
}

// Finish ends the message and returns the Decompressor to its pool. It has to be
// called once, also after an error, which it returns. A message that is not
// complete is ErrCorrupt. Dst is what the last Append has returned.
func (d *Decompressor) Finish(dst []byte) error {
	err := d.err
	if err == nil && !(d.begun && d.complete()) {
		err = ErrCorrupt
	}
	if err == nil {
		d.window.keep(dst[d.start:], maxWindow)
	}
	d.window, d.history = nil, nil
	decompressors.Put(d)
	return err
}
