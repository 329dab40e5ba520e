package deflate

import "sync"

// maxSegment is what matches are found in at a time, history included: positions in
// the hash table have 16 bits.
const maxSegment = 1 << 16

// An encoder is what Compress works with. It has 48 KB, and with takeover 5 to 36 KB
// for the history and a message.
type encoder struct {
	matcher
	block
	joined []byte // history and message: matches are found in one slice
}

var encoders = sync.Pool{New: func() any { return new(encoder) }}

// Compress appends the payload of a message to dst: src compressed, without Tail.
// Nothing in it refers further back than w allows. With context takeover it refers to
// w's history, and src joins that. Compress writes to dst's capacity beyond what it
// returns.
//
// A message for many peers is compressed once, with a Window that has no context
// takeover and no more Bits than any of theirs; see Window.Add.
func Compress(dst, src []byte, w *Window) []byte {
	out := compress(dst, src, w)
	w.keep(src, keptByCompress)
	return out
}

// TryCompress is Compress for a message that is sent as it is when the payload would
// not be smaller. Then ok is false, and what is returned is dst. A message that was not
// compressed is in nobody's history: w is left as it was.
func TryCompress(dst, src []byte, w *Window) (payload []byte, ok bool) {
	out := compress(dst, src, w)
	if len(out)-len(dst) >= len(src) {
		return out[:len(dst)], false
	}
	w.keep(src, keptByCompress)
	return out, true
}

// compress appends the payload of src to dst, and leaves w as it is.
func compress(dst, src []byte, w *Window) []byte {
	e := encoders.Get().(*encoder)
	defer encoders.Put(e)
	out := bitWriter{out: dst[:cap(dst)], n: len(dst)}
	reach := w.size()
	done := 0
	if past := w.past(); len(past) > 0 {
		done = min(len(src), maxWindow)
		e.joined = append(append(e.joined[:0], past...), src[:done]...)
		e.segment(&out, e.joined, len(past), reach, true)
	}
	for done < len(src) {
		from := max(0, done-maxWindow)
		end := min(len(src), from+maxSegment)
		e.segment(&out, src[from:end], done-from, reach, false)
		done = end
	}
	// RFC 7692, Section 7.2.1: the end is an empty stored block. Without Tail, its
	// header remains.
	out.room(1)
	out.bits(stored<<1, 3)
	out.align()
	return out.out[:out.n]
}

// segment compresses s from i on.
func (e *encoder) segment(out *bitWriter, s []byte, i, reach int, lazy bool) {
	e.index(s, i)
	for i < len(s) {
		end := e.parse(s[:min(len(s), i+maxStored)], i, uint32(reach), lazy)
		e.block.write(out, s[i:end], &e.matcher)
		i = end
	}
}
