package deflate

import "sync"

// A segment is what matches are found in at a time: history and, at least half of
// it, what is compressed. The table's positions have 16 bits.
const maxSegment = 1 << 16

// An encoder has what Compress works with: 50 KB, 5 KB of them for the history and
// the message.
type encoder struct {
	matcher
	block
	joined []byte // history and message, when there is history
}

var encoders = sync.Pool{New: func() any { return new(encoder) }}

// Compress appends the payload of a message to dst: src compressed, so that with
// Tail the stream could go on. Nothing of src refers further back than w says; with
// context takeover src then joins w's history. It may write to dst beyond its length up to its
// capacity.
//
// A message for many peers is compressed once, with a Window that has no context
// takeover and as few Bits as any of them allows; see Window.Add.
func Compress(dst, src []byte, w *Window) []byte {
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
	w.keep(src, keptByCompress)
	// RFC 7692, Section 7.2.1: at the end an empty stored block, of which the 3 bits
	// of its header remain.
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
