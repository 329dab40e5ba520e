package deflate_test

import "errors"

// A reference inflates one bit at a time, as RFC 1951 and RFC 7692 are written, and
// knows the last window bytes only: a distance beyond them is an error.
type reference struct {
	in     []byte
	bit    int // of in
	past   []byte
	out    []byte
	window int
	limit  int
}

var (
	errReference = errors.New("reference: corrupt")
	errEnded     = errors.New("reference: no more input")
	errOver      = errors.New("reference: over the limit")
)

// referenceInflate inflates a message's payload, given what was in the window
// before.
func referenceInflate(payload, past []byte, bits, limit int) ([]byte, error) {
	r := &reference{in: payload, past: past, window: 1 << bits, limit: limit}
	for {
		switch done, err := r.block(); {
		case err != nil:
			return nil, err
		case done:
			return r.out, nil
		}
	}
}

// block inflates a block. Done is true at the end of the message, which is the
// header of a stored block that Tail completes.
func (r *reference) block() (done bool, err error) {
	final, err := r.number(1)
	if err != nil {
		return false, err
	}
	kind, err := r.number(2)
	if err != nil {
		return false, err
	}
	switch kind {
	case 0:
		r.align()
		if r.bit == 8*len(r.in) {
			return true, nil
		}
		err = r.stored()
	case 1:
		var lit [288]int
		for i := range lit {
			lit[i] = 8
			if i >= 144 && i < 256 {
				lit[i] = 9
			}
			if i >= 256 && i < 280 {
				lit[i] = 7
			}
		}
		dist := make([]int, 32)
		for i := range dist {
			dist[i] = 5
		}
		err = r.symbols(lit[:], dist)
	case 2:
		var lit, dist []int
		if lit, dist, err = r.header(); err == nil {
			err = r.symbols(lit, dist)
		}
	default:
		err = errReference
	}
	if final == 1 {
		r.align()
	}
	return false, err
}

func (r *reference) align() { r.bit = (r.bit + 7) / 8 * 8 }

func (r *reference) number(bits int) (int, error) {
	v := 0
	for i := range bits {
		if r.bit >= 8*len(r.in) {
			return 0, errEnded
		}
		v |= int(r.in[r.bit/8]>>(r.bit%8)&1) << i
		r.bit++
	}
	return v, nil
}

func (r *reference) emit(b byte) error {
	if len(r.out) == r.limit {
		return errOver
	}
	r.out = append(r.out, b)
	return nil
}

func (r *reference) stored() error {
	size, err := r.number(16)
	if err != nil {
		return err
	}
	check, err := r.number(16)
	if err != nil {
		return err
	}
	if size != 0xffff-check {
		return errReference
	}
	for range size {
		b, err := r.number(8)
		if err != nil {
			return err
		}
		if err := r.emit(byte(b)); err != nil {
			return err
		}
	}
	return nil
}

func (r *reference) header() (lit, dist []int, err error) {
	var counts [3]int
	for i, bits := range []int{5, 5, 4} {
		if counts[i], err = r.number(bits); err != nil {
			return nil, nil, err
		}
	}
	numLit, numDist, numPre := counts[0]+257, counts[1]+1, counts[2]+4
	if numLit > 286 || numDist > 30 {
		return nil, nil, errReference
	}
	pre := make([]int, 19)
	for _, s := range []int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}[:numPre] {
		if pre[s], err = r.number(3); err != nil {
			return nil, nil, err
		}
	}
	codes, err := canonical(pre)
	if err != nil {
		return nil, nil, err
	}
	var lens []int
	for len(lens) < numLit+numDist {
		s, err := r.symbol(codes)
		if err != nil {
			return nil, nil, err
		}
		value, times, bits := s, 1, 0
		switch s {
		case 16:
			if len(lens) == 0 {
				return nil, nil, errReference
			}
			value, times, bits = lens[len(lens)-1], 3, 2
		case 17:
			value, times, bits = 0, 3, 3
		case 18:
			value, times, bits = 0, 11, 7
		}
		more, err := r.number(bits)
		if err != nil {
			return nil, nil, err
		}
		for range times + more {
			lens = append(lens, value)
		}
	}
	if len(lens) > numLit+numDist {
		return nil, nil, errReference
	}
	return lens[:numLit], lens[numLit:], nil
}

// A codebook has the codes of RFC 1951, Section 3.2.2: how many there are of each
// length, and their symbols in order.
type codebook struct {
	count   [16]int
	symbols []int
}

// canonical makes the codebook. The codes have to be complete, but for a single one
// of one bit, or none at all.
func canonical(lens []int) (c codebook, err error) {
	space := 0
	for n := 1; n <= 15; n++ {
		for s, l := range lens {
			if l == n {
				c.symbols = append(c.symbols, s)
				c.count[n]++
			}
		}
		space = space<<1 + c.count[n]
	}
	if used := len(c.symbols); space == 1<<15 || used == 0 || used == 1 && c.count[1] == 1 {
		return c, nil
	}
	return c, errReference
}

func (r *reference) symbol(c codebook) (int, error) {
	value, first, index := 0, 0, 0
	for n := 1; n <= 15; n++ {
		b, err := r.number(1)
		if err != nil {
			return 0, err
		}
		value |= b
		if value-first < c.count[n] {
			return c.symbols[index+value-first], nil
		}
		index += c.count[n]
		first = (first + c.count[n]) << 1
		value <<= 1
		if len(c.symbols) < 2 {
			break // the one code that there is, or none, was not it
		}
	}
	return 0, errReference
}

func (r *reference) symbols(litLens, distLens []int) error {
	lits, err := canonical(litLens)
	if err != nil {
		return err
	}
	dists, err := canonical(distLens)
	if err != nil {
		return err
	}
	for {
		s, err := r.symbol(lits)
		switch {
		case err != nil:
			return err
		case s < 256:
			if err := r.emit(byte(s)); err != nil {
				return err
			}
			continue
		case s == 256:
			return nil
		case s > 285:
			return errReference
		}
		length, err := r.spanned(s-257, 3, 4)
		if err != nil {
			return err
		}
		if s == 285 {
			length = 258
		}
		if s, err = r.symbol(dists); err != nil {
			return err
		}
		if s > 29 {
			return errReference
		}
		distance, err := r.spanned(s, 1, 2)
		if err != nil {
			return err
		}
		if distance > r.window || distance > len(r.past)+len(r.out) {
			return errReference
		}
		for range length {
			var b byte
			if at := len(r.out) - distance; at >= 0 {
				b = r.out[at]
			} else {
				b = r.past[len(r.past)+at]
			}
			if err := r.emit(b); err != nil {
				return err
			}
		}
	}
}

// spanned returns the value of a length or distance symbol: groups of symbols with
// one extra bit more each, after twice as many without.
func (r *reference) spanned(s, first, group int) (int, error) {
	base := first
	for i := range s {
		base += 1 << max(0, i/group-1)
	}
	bits := max(0, s/group-1)
	if group == 4 && s == 28 {
		return base, nil // 285 has no extra bits
	}
	more, err := r.number(bits)
	return base + more, err
}
