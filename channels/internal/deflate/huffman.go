package deflate

import (
	"math/bits"
	"slices"
)

// A code is the Huffman code of a symbol as it is written, the first bit lowest,
// above a byte with its length.
type code uint32

func (c code) bits() uint64 { return uint64(c >> 8) }
func (c code) len() uint    { return uint(c & 0xff) }

// A use is a symbol that occurs: frequency<<16 | symbol. Blocks are short enough
// for the frequency.
type use uint32

func (u use) freq() uint32   { return uint32(u >> 16) }
func (u use) symbol() uint32 { return uint32(u & 0xffff) }

// collect lists the symbols that occur, in their order. Found must be longer than
// freq.
func collect(found []use, freq []uint32) []use {
	n := 0
	for s, f := range freq {
		// Whether a symbol occurs cannot be predicted. A branch would make messages of
		// 1 KB take 4 % longer.
		found[n] = use(f<<16 | uint32(s))
		n += int(-f >> 31)
	}
	return found[:n]
}

// A builder makes codes from frequencies. It goes through the symbols that occur
// only: in a message of 1 KB, a fifth of them.
type builder struct {
	sorted  [numLit + 1]use    // rarest first, and a sentinel
	weights [numLit + 1]uint32 // of the tree's inner nodes; then their depths
	parents [numLit]uint16
}

// build makes codes of at most limit bits for the symbols found, which are at
// least 2, and returns how many bits all their uses take.
func (b *builder) build(codes []code, found []use, limit int) (size int) {
	b.sort(found)
	count := b.lengths(len(found), limit)
	rarest := 0
	for n := limit; n > 0; n-- {
		for range count[n] {
			u := b.sorted[rarest]
			rarest++
			codes[u.symbol()] = code(n)
			size += n * int(u.freq())
		}
	}
	assign(codes, found, &count)
	return size
}

// sort fills b.sorted.
func (b *builder) sort(found []use) {
	// In a message most symbols occur a few times. Counting sorts those.
	const common = 64
	var next [common + 1]uint16
	for _, u := range found {
		next[min(u.freq(), common)]++
	}
	at := uint16(0)
	for f, n := range next {
		next[f] = at
		at += n
	}
	for _, u := range found {
		p := &next[min(u.freq(), common)]
		b.sorted[*p] = u
		*p++
	}
	slices.Sort(b.sorted[next[common-1]:len(found)])
}

// lengths returns how many of the n codes for b.sorted have each length.
func (b *builder) lengths(n, limit int) (count [maxCodeLen + 1]uint16) {
	// The two lightest nodes become the children of a new one, until one is left.
	// New nodes are heavier and heavier, so that two queues take the place of a
	// heap: the symbols, and the inner nodes in order of birth.
	const none = 1<<32 - 1
	b.sorted[n] = none
	leaf, inner := 0, 0
	for born := range n - 1 {
		b.weights[born] = none
		weight := uint32(0)
		for range 2 {
			if l, i := b.sorted[leaf].freq(), b.weights[inner]; l <= i {
				weight += l
				leaf++
			} else {
				weight += i
				b.parents[inner] = uint16(born)
				inner++
			}
		}
		b.weights[born] = weight
	}
	// From the root down, each inner node turns a leaf of its depth into two that
	// are one deeper. At the limit, a leaf above it is split in its stead: some code
	// gets longer than it should be, but the codes remain complete.
	depths := &b.weights
	root := n - 2
	depths[root] = 0
	count[1] = 2
	for i := root - 1; i >= 0; i-- {
		depths[i] = depths[b.parents[i]] + 1
		d := min(int(depths[i]), limit-1)
		for count[d] == 0 {
			d--
		}
		count[d]--
		count[d+1] += 2
	}
	return count
}

// assign turns the lengths in codes into codes: RFC 1951, Section 3.2.2.
func assign(codes []code, found []use, count *[maxCodeLen + 1]uint16) {
	var next [maxCodeLen + 1]uint16
	value := uint16(0)
	for n := 1; n <= maxCodeLen; n++ {
		value = (value + count[n-1]) << 1
		next[n] = value
	}
	for _, u := range found {
		c := &codes[u.symbol()]
		n := *c & 15
		*c = code(bits.Reverse16(next[n])>>(16-n))<<8 | n
		next[n]++
	}
}
