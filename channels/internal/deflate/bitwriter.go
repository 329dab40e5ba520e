package deflate

import (
	"encoding/binary"
	"slices"
)

// pending are bits on their way out, the first one lowest (RFC 1951, Section
// 3.1.1). It is a value, not a part of bitWriter, so that it stays in registers.
type pending struct {
	acc uint64
	n   uint
}

// put adds n bits. Up to 56 can be put between two stores.
func (p pending) put(bits uint64, n uint) pending {
	return pending{p.acc | bits<<(p.n&63), p.n + n}
}

// store writes the whole bytes to out and returns their number. It always writes 8
// bytes; those that do not count are overwritten by the next store.
func (p pending) store(out []byte) int {
	binary.LittleEndian.PutUint64(out, p.acc)
	return int(p.n >> 3)
}

// rest returns what store has left, less than 8 bits.
func (p pending) rest() pending {
	return pending{p.acc >> (p.n & 56), p.n & 7}
}

// A bitWriter appends bits to out[:n]. The rest of out is room to write in.
type bitWriter struct {
	out []byte
	n   int
	pending
}

// room makes sure that n bytes can be written.
func (w *bitWriter) room(n int) {
	n += 8 // for the excess of a store
	if len(w.out)-w.n < n {
		w.out = slices.Grow(w.out[:w.n], n)
		w.out = w.out[:cap(w.out)]
	}
}

// bits writes n bits.
func (w *bitWriter) bits(bits uint64, n uint) {
	w.pending = w.put(bits, n)
	w.n += w.store(w.out[w.n:])
	w.pending = w.rest()
}

// align goes on at the next byte.
func (w *bitWriter) align() {
	w.bits(0, -w.pending.n&7)
}

// bytes writes whole bytes after an align.
func (w *bitWriter) bytes(p []byte) {
	w.n += copy(w.out[w.n:], p)
}
