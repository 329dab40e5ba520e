package deflate

import "math/bits"

// An entry tells what the next bits mean:
//
//	bits 0–7    how many they are, extra bits included
//	bits 8–11   how many of them are the code
//	bits 12–15  kind
//	bits 16–31  literal, base of the length or distance, or where a subtable is
type entry uint32

const (
	kindMask    entry = 15 << 12
	kindLiteral entry = 8 << 12
	kindSpecial entry = 4 << 12 // one of these:
	kindInvalid entry = kindSpecial
	kindEnd     entry = kindSpecial | 1<<12
	kindLink    entry = kindSpecial | 2<<12 // bits 8–11 are how many bits select from the subtable
)

func (e entry) bits() uint { return uint(e & 0xff) }
func (e entry) code() uint { return uint(e >> 8 & 15) }

// value returns the base and the extra bits of acc, where the code is.
func (e entry) value(acc uint64) int {
	return int(e>>16) + int(acc&(1<<(e&63)-1)>>e.code())
}

// What the symbols of each alphabet mean, but for the length of their codes.
var (
	litMeaning  = makeLitMeaning()
	distMeaning = makeDistMeaning()
	preMeaning  = makePreMeaning()
)

func makeLitMeaning() (m [numFixedLit]entry) {
	for i := range m {
		switch {
		case i < endOfBlock:
			m[i] = entry(i)<<16 | kindLiteral
		case i == endOfBlock:
			m[i] = kindEnd
		case i < numLit:
			s := lengthSpans[i-firstLength]
			m[i] = entry(s.base)<<16 | entry(s.extra)
		default:
			m[i] = kindInvalid
		}
	}
	return m
}

func makeDistMeaning() (m [numFixedDist]entry) {
	for i := range m {
		m[i] = kindInvalid
		if i < numDist {
			s := distSpans[i]
			m[i] = entry(s.base)<<16 | entry(s.extra)
		}
	}
	return m
}

func makePreMeaning() (m [numPre]entry) {
	for i := range m {
		m[i] = entry(i) << 16
	}
	return m
}

// A codeLen is the length of a symbol's code: symbol<<4 | bits. Symbols without a
// code have none: in a message of 1 KB, four fifths of them. Not to go through
// those saves a fifth of the time.
type codeLen uint16

func (c codeLen) symbol() uint16 { return uint16(c >> 4) }
func (c codeLen) bits() uint     { return uint(c & 15) }

// A table decodes the codes of one alphabet. Those of up to bits bits are found
// with one look, longer ones with a second one in a subtable.
type table struct {
	entries []entry
	bits    uint
}

func (t *table) find(acc uint64) entry { return t.entries[acc&(1<<(t.bits&63)-1)] }

// subtable returns what a link leads to, where acc goes on after the link's bits.
func (t *table) subtable(e entry, acc uint64) entry {
	return t.entries[uint64(e>>16)+acc&(1<<e.code()-1)]
}

// build makes the table of the codes with these lengths, which are in the order of
// their symbols, in entries. It reports false if there are no such codes.
func (t *table) build(entries []entry, lens []codeLen, meaning []entry, maxBits uint) bool {
	var count, next [maxCodeLen + 1]uint16
	for _, c := range lens {
		count[c.bits()]++
	}
	longest, space, at := uint(0), 0, uint16(0)
	for n := uint(1); n <= maxCodeLen; n++ {
		next[n] = at
		at += count[n]
		space = space<<1 + int(count[n])
		if count[n] > 0 {
			longest = n
		}
	}
	t.entries, t.bits = entries, min(longest, maxBits)
	if len(lens) == 0 || len(lens) == 1 && longest == 1 {
		t.single(lens, meaning)
		return true
	}
	if space != 1<<maxCodeLen {
		return false
	}
	var sorted [numFixedLit]uint16
	for _, c := range lens {
		p := &next[c.bits()]
		sorted[*p] = c.symbol()
		*p++
	}
	word := t.direct(sorted[:], &count, meaning)
	if longest > t.bits {
		t.links(sorted[:len(lens)], &count, meaning, word, longest)
	}
	return true
}

// single is for an alphabet of one symbol, or none. RFC 1951, Section 3.2.7: a
// distance that is the only one has a code of one bit, and half of the codes are
// not used.
func (t *table) single(lens []codeLen, meaning []entry) {
	t.bits = 1
	t.entries[0], t.entries[1] = kindInvalid|1<<8|1, kindInvalid|1<<8|1
	if len(lens) == 1 {
		t.entries[0] = meaning[lens[0].symbol()] + 1<<8 + 1
	}
}

// direct enters the codes of up to t.bits bits and returns the next one.
func (t *table) direct(sorted []uint16, count *[maxCodeLen + 1]uint16, meaning []entry) (word uint32) {
	// The table is doubled when the codes become longer: what is in it is found with
	// either value of the next bit.
	entries := t.entries
	for n := uint(1); n <= t.bits; n++ {
		size := 1 << n
		copy(entries[size/2:size], entries[:size/2])
		for _, s := range sorted[:count[n]] {
			entries[word] = meaning[s] + entry(n<<8|n)
			word = successor(word, n)
		}
		sorted = sorted[count[n]:]
	}
	return word
}

// links enters the longer codes. Those that begin with the same t.bits bits share
// a subtable.
func (t *table) links(sorted []uint16, count *[maxCodeLen + 1]uint16, meaning []entry, word uint32, longest uint) {
	for n := uint(1); n <= t.bits; n++ {
		sorted = sorted[count[n]:]
	}
	free := 1 << t.bits
	first, sub, size := -1, 0, 0
	for n := t.bits + 1; n <= longest; n++ {
		for i, s := range sorted[:count[n]] {
			if f := int(word & (1<<t.bits - 1)); f != first {
				first, sub = f, free
				width := n - t.bits
				// As wide as its longest code: it is full when the codes that follow are
				// enough.
				codes := int(count[n]) - i
				for m := n + 1; m <= longest && codes < 1<<width; m++ {
					width++
					codes = codes<<1 + int(count[m])
				}
				size = 1 << width
				free += size
				t.entries[first] = entry(sub)<<16 | kindLink | entry(width<<8|t.bits)
			}
			e := meaning[s] + entry((n-t.bits)<<8|(n-t.bits))
			for at := int(word >> t.bits); at < size; at += 1 << (n - t.bits) {
				t.entries[sub+at] = e
			}
			word = successor(word, n)
		}
		sorted = sorted[count[n]:]
	}
}

// successor returns the code of n bits after word. Its first bit is the lowest one,
// so the carry goes down.
func successor(word uint32, n uint) uint32 {
	zeros := word ^ (1<<n - 1)
	if zeros == 0 {
		return 0
	}
	bit := uint32(1) << (bits.Len32(zeros) - 1)
	return word&(bit-1) | bit
}
