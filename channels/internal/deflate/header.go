package deflate

// A header is the description of a dynamic block's codes: RFC 1951, Section 3.2.7.
type header struct {
	items []item
	array [numLit + numDist]item

	numLit, numDist, numPre uint

	freq  [numPre]uint32
	codes [32]code // of the symbols of the precode
}

// An item is a symbol of the precode below the value of its extra bits.
type item uint16

func (i item) symbol() uint32 { return uint32(i & 31) }
func (i item) extra() uint64  { return uint64(i >> 8) }

// build describes the codes of the symbols that occur and returns how many bits
// that takes.
func (h *header) build(b *builder, lits, dists []use, lit, dist []code) (size int) {
	h.items = h.array[:0]
	clear(h.freq[:])
	h.numLit = uint(lits[len(lits)-1].symbol()) + 1 // at least the end of the block
	h.numDist = uint(dists[len(dists)-1].symbol()) + 1

	h.lengths(lits, lit)
	h.lengths(dists, dist)

	var array [numPre + 1]use
	found := collect(array[:], h.freq[:])
	clear(h.codes[:])
	size = b.build(h.codes[:], found, maxPreLen)
	for i, s := range preOrder {
		if h.codes[s] != 0 {
			h.numPre = max(4, uint(i)+1)
		}
	}
	size += 14 + 3*int(h.numPre)
	for s, n := range preExtra[:numPre] {
		size += int(h.freq[s]) * int(n)
	}
	return size
}

// lengths adds the code lengths of one alphabet.
func (h *header) lengths(found []use, codes []code) {
	next, last, again := uint32(0), uint(0), 0
	for _, u := range found {
		s := u.symbol()
		n := codes[s].len()
		if s == next && n == last {
			again++
		} else {
			h.repeat(last, again)
			h.zeros(int(s - next))
			h.add(n, 0)
			last, again = n, 0
		}
		next = s + 1
	}
	h.repeat(last, again)
}

func (h *header) add(symbol uint, extra int) {
	h.items = append(h.items, item(symbol|uint(extra)<<8))
	h.freq[symbol]++
}

// repeat adds the length n again and again.
func (h *header) repeat(n uint, times int) {
	for times >= fewestAlike {
		k := min(times, maxRepeat)
		h.add(repeatLast, k-fewestAlike)
		times -= k
	}
	for range times {
		h.add(n, 0)
	}
}

// zeros adds symbols that do not occur.
func (h *header) zeros(n int) {
	for n >= manyZeros {
		k := min(n, maxZeros)
		h.add(zerosMany, k-manyZeros)
		n -= k
	}
	if n >= fewestAlike {
		h.add(zerosFew, n-fewestAlike)
		return
	}
	for range n {
		h.add(0, 0)
	}
}

func (h *header) write(w *bitWriter) {
	w.bits(uint64(h.numLit-firstLength), 5)
	w.bits(uint64(h.numDist-1), 5)
	w.bits(uint64(h.numPre-4), 4)
	for _, s := range preOrder[:h.numPre] {
		w.bits(uint64(h.codes[s].len()), 3)
	}
	out, n, p := w.out, w.n, w.pending
	for _, it := range h.items {
		c := h.codes[it.symbol()]
		p = p.put(c.bits(), c.len())
		p = p.put(it.extra(), uint(preExtra[it.symbol()]))
		n += p.store(out[n:])
		p = p.rest()
	}
	w.n, w.pending = n, p
}
