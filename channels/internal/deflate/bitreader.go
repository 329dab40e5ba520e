package deflate

import "encoding/binary"

// A bitReader takes bits from in, the first one lowest (RFC 1951, Section 3.1.1).
type bitReader struct {
	in  []byte
	pos int // of the next byte that is not in acc

	// Acc holds the next n bits. There may be more in it, which are those of in at
	// pos.
	acc uint64
	n   uint
}

// fill takes 56 bits or more into acc, or all that are left.
func (r *bitReader) fill() {
	if r.pos+8 <= len(r.in) {
		// Eight bytes are loaded, however many fit. What is loaded in excess is loaded
		// again next time, over the same bits.
		r.acc |= binary.LittleEndian.Uint64(r.in[r.pos:]) << (r.n & 63)
		r.pos += int((63 - r.n) >> 3)
		r.n |= 56
		return
	}
	r.acc &= 1<<(r.n&63) - 1
	for r.n < 56 && r.pos < len(r.in) {
		r.acc |= uint64(r.in[r.pos]) << (r.n & 63)
		r.pos++
		r.n += 8
	}
}

// has reports whether there are n bits, of at most 56.
func (r *bitReader) has(n uint) bool {
	if r.n < n {
		r.fill()
	}
	return r.n >= n
}

// take returns the next n bits, which are there.
func (r *bitReader) take(n uint) int {
	v := r.acc & (1<<(n&63) - 1)
	r.drop(n)
	return int(v)
}

func (r *bitReader) drop(n uint) {
	r.acc >>= n & 63
	r.n -= n
}

// align goes on at the next byte.
func (r *bitReader) align() { r.drop(r.n & 7) }
