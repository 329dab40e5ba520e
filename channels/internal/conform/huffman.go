package conform

import (
	"errors"
	"io"
)

// A bitReader reads bits from the lowest up (RFC 1951, Section 3.1.1).
type bitReader struct {
	b    []byte
	bits uint64
	n    int // how many of bits are left
}

func (r *bitReader) empty() bool { return r.n == 0 && len(r.b) == 0 }

// take returns the next n bits, at most 16.
func (r *bitReader) take(n int) (uint64, error) {
	for r.n < n {
		if len(r.b) == 0 {
			return 0, io.ErrUnexpectedEOF
		}
		r.bits |= uint64(r.b[0]) << r.n
		r.b = r.b[1:]
		r.n += 8
	}
	v := r.bits & (1<<n - 1)
	r.bits >>= n
	r.n -= n
	return v, nil
}

// align drops the bits up to the next byte.
func (r *bitReader) align() {
	r.bits >>= r.n & 7
	r.n &^= 7
}

// bytes returns the next n bytes; the reader must be aligned.
func (r *bitReader) bytes(n int) ([]byte, error) {
	var all []byte
	for ; n > 0 && r.n > 0; n-- {
		v, _ := r.take(8)
		all = append(all, byte(v))
	}
	if n > len(r.b) {
		return nil, io.ErrUnexpectedEOF
	}
	all = append(all, r.b[:n]...)
	r.b = r.b[n:]
	return all, nil
}

// A huffman is a canonical Huffman code (RFC 1951, Section 3.2.2).
type huffman struct {
	count   [16]int // how many symbols have a code of that length
	symbols []int   // by code
}

// newHuffman makes the code in which symbol i has lengths[i] bits. More codes than
// fit are an error, and so are fewer, but for a code of one symbol or none.
func newHuffman(lengths []int) (*huffman, error) {
	h := &huffman{}
	for _, n := range lengths {
		h.count[n]++
	}
	h.count[0] = 0
	left, used := 1, 0
	var start [16]int
	for n := 1; n < 16; n++ {
		start[n] = start[n-1] + h.count[n-1]
		used += h.count[n]
		left = left<<1 - h.count[n]
		if left < 0 {
			return nil, errors.New("a Huffman code with more symbols than it has room for")
		}
	}
	if left > 0 && used > 1 {
		return nil, errors.New("a Huffman code that is not complete")
	}
	h.symbols = make([]int, used)
	for symbol, n := range lengths {
		if n > 0 {
			h.symbols[start[n]] = symbol
			start[n]++
		}
	}
	return h, nil
}

func (h *huffman) decode(r *bitReader) (int, error) {
	code, first, index := 0, 0, 0
	for n := 1; n < 16; n++ {
		bit, err := r.take(1)
		if err != nil {
			return 0, err
		}
		code |= int(bit)
		if code-first < h.count[n] {
			return h.symbols[index+code-first], nil
		}
		index += h.count[n]
		first = (first + h.count[n]) << 1
		code <<= 1
	}
	return 0, errors.New("a code that no symbol has")
}

// The code of blocks of type 1 (RFC 1951, Section 3.2.6).
var fixedLiterals, fixedDistances = fixedCodes()

func fixedCodes() (literals, distances *huffman) {
	var lengths [288]int
	for i := range lengths {
		switch {
		case i < 144, i >= 280:
			lengths[i] = 8
		case i < 256:
			lengths[i] = 9
		default:
			lengths[i] = 7
		}
	}
	literals, _ = newHuffman(lengths[:])
	var five [32]int
	for i := range five {
		five[i] = 5
	}
	distances, _ = newHuffman(five[:])
	return literals, distances
}

// tables reads the codes of a block of type 2 (RFC 1951, Section 3.2.7).
func (z *inflater) tables() (literals, distances *huffman, err error) {
	head, err := z.in.take(14)
	if err != nil {
		return nil, nil, err
	}
	nlit, ndist, nlen := int(head&31)+257, int(head>>5&31)+1, int(head>>10)+4
	if nlit > 286 || ndist > 30 {
		return nil, nil, errors.New("a block with more symbols than there are")
	}
	var order = [19]int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}
	var small [19]int
	for _, symbol := range order[:nlen] {
		n, err := z.in.take(3)
		if err != nil {
			return nil, nil, err
		}
		small[symbol] = int(n)
	}
	code, err := newHuffman(small[:])
	if err != nil {
		return nil, nil, err
	}
	lengths, err := z.lengths(code, nlit+ndist)
	if err != nil {
		return nil, nil, err
	}
	if lengths[256] == 0 {
		return nil, nil, errors.New("a block without an end symbol")
	}
	if literals, err = newHuffman(lengths[:nlit]); err != nil {
		return nil, nil, err
	}
	distances, err = newHuffman(lengths[nlit:])
	return literals, distances, err
}

// lengths reads n code lengths, which are compressed themselves.
func (z *inflater) lengths(code *huffman, n int) ([]int, error) {
	var all []int
	for len(all) < n {
		symbol, err := code.decode(&z.in)
		if err != nil {
			return nil, err
		}
		repeat, value := 1, symbol
		var extra uint64
		switch symbol {
		case 16:
			if len(all) == 0 {
				return nil, errors.New("a repetition of nothing")
			}
			value = all[len(all)-1]
			extra, err = z.in.take(2)
			repeat = 3 + int(extra)
		case 17:
			extra, err = z.in.take(3)
			value, repeat = 0, 3+int(extra)
		case 18:
			extra, err = z.in.take(7)
			value, repeat = 0, 11+int(extra)
		}
		if err != nil {
			return nil, err
		}
		for range repeat {
			all = append(all, value)
		}
	}
	if len(all) > n {
		return nil, errors.New("code lengths beyond the last")
	}
	return all, nil
}
