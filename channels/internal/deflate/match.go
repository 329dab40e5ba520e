package deflate

import (
	"encoding/binary"
	"math/bits"
)

const (
	// The hash table is cleared for each message. With twice its 8 KiB the ratio of
	// messages of 1 KB would grow by 0.1 %, with history by 0.3 %.
	hashBits = 12

	minHashed = 4  // the hash is of 4 bytes: shorter matches are not looked for
	lookAhead = 8  // no match begins in the last bytes, so that all loads are whole
	enough    = 32 // a match of this length is taken without a look at the next byte

	// Every second byte of the history is indexed. A match that is then found in its
	// middle grows backwards, so that 0.3 % of the ratio are lost, for a seventh of
	// the time.
	historyStep = 2

	// Each 32 bytes without a match let the search go one byte faster.
	patience = 5

	maxSequences = 4096
)

// A sequence is some literals and the match that follows:
//
//	bits 0–15   number of literals
//	bits 16–23  length of the match, from 0
//	bits 24–31  its symbol
//	bits 32–47  distance, from 0
//	bits 48–55  its symbol
type sequence uint64

func (s sequence) literals() int       { return int(s & 0xffff) }
func (s sequence) length() uint32      { return uint32(s>>16) & 0xff }
func (s sequence) lengthSym() uint32   { return uint32(s>>24) & 0x1f }
func (s sequence) distance() uint32    { return uint32(s>>32) & 0xffff }
func (s sequence) distanceSym() uint32 { return uint32(s>>48) & 0x1f }

// A matcher finds what is repeated.
type matcher struct {
	// heads has for each hash of 4 bytes where in the segment they were seen last.
	// 0 is also where nothing was: then the bytes there are others, or the match is
	// true.
	heads [1 << hashBits]uint16

	// Of the block that was parsed:
	array     [maxSequences]sequence
	sequences []sequence // the literals after the last are not in it
	litFreq   [numLit]uint32
	distFreq  [numDist]uint32
}

func hash(v uint32) uint32 { return v * 0x9e3779b1 >> (32 - hashBits) }

// index takes s[:n] into the table.
func (m *matcher) index(s []byte, n int) {
	clear(m.heads[:])
	for i := 0; i < min(n, len(s)-3); i += historyStep {
		m.heads[hash(binary.LittleEndian.Uint32(s[i:]))] = uint16(i)
	}
}

// parse splits s from i on into sequences, until s ends or a block is full, and
// returns where. No match goes further back than reach. With lazy, a match is given
// up for a longer one at the next byte: that takes a tenth more time, for 3 % of the
// ratio where there is history, and 1 % where there is none.
func (m *matcher) parse(s []byte, i int, reach uint32, lazy bool) int {
	clear(m.litFreq[:])
	clear(m.distFreq[:])
	m.sequences = m.array[:0]
	run := i // where the literals since the last match begin
	last := len(s) - lookAhead
	for i <= last {
		// As in longest; with a call of it for each byte everything takes a tenth
		// longer.
		v := binary.LittleEndian.Uint32(s[i:])
		head := &m.heads[hash(v)]
		from := int(*head)
		*head = uint16(i)
		// The bytes are compared first, as it is rare that only the distance is wrong:
		// one branch to guess instead of two.
		if binary.LittleEndian.Uint32(s[from:]) != v || uint32(i-from)-1 >= reach {
			m.litFreq[byte(v)]++
			i++
			if skip := (i - run) >> patience; skip > 0 {
				m.literals(s[i:min(i+skip, len(s))])
				i += skip
			}
			continue
		}
		length := minHashed + matchLen(s[i+minHashed:min(len(s), i+maxMatch)], s[from+minHashed:])
		distance := i - from
		for lazy && length < enough && i < last {
			l, d := m.longest(s, i+1, reach)
			if l <= length {
				break
			}
			m.litFreq[s[i]]++
			i, length, distance = i+1, l, d
		}
		for i > run && i > distance && s[i-1] == s[i-1-distance] && length < maxMatch {
			i--
			length++
			m.litFreq[s[i]]--
		}
		m.add(i-run, length, distance)
		i += length
		run = i
		if i <= last {
			m.heads[hash(binary.LittleEndian.Uint32(s[i-1:]))] = uint16(i - 1)
			m.heads[hash(binary.LittleEndian.Uint32(s[i-2:]))] = uint16(i - 2)
		}
		if len(m.sequences) == len(m.array) {
			return i
		}
	}
	i = min(i, len(s))
	m.literals(s[i:])
	return len(s)
}

// longest returns the match at i, or 0.
func (m *matcher) longest(s []byte, i int, reach uint32) (length, distance int) {
	v := binary.LittleEndian.Uint32(s[i:])
	head := &m.heads[hash(v)]
	from := int(*head)
	*head = uint16(i)
	if binary.LittleEndian.Uint32(s[from:]) != v || uint32(i-from)-1 >= reach {
		return 0, 0
	}
	return minHashed + matchLen(s[i+minHashed:min(len(s), i+maxMatch)], s[from+minHashed:]), i - from
}

func (m *matcher) literals(p []byte) {
	for _, c := range p {
		m.litFreq[c]++
	}
}

func (m *matcher) add(literals, length, distance int) {
	ls := uint32(lengthSymbols[uint8(length-minMatch)])
	ds := distSymbol(uint32(distance - 1))
	m.litFreq[firstLength+ls]++
	m.distFreq[ds]++
	m.sequences = append(m.sequences, sequence(uint64(literals)|uint64(length-minMatch)<<16|uint64(ls)<<24|uint64(distance-1)<<32|uint64(ds)<<48))
}

// matchLen returns how many bytes at the beginning of a and b, which is not the
// shorter one, are the same.
func matchLen(a, b []byte) int {
	b = b[:len(a)]
	n := 0
	for ; n <= len(a)-8; n += 8 {
		if x := binary.LittleEndian.Uint64(a[n:]) ^ binary.LittleEndian.Uint64(b[n:]); x != 0 {
			return n + bits.TrailingZeros64(x)>>3
		}
	}
	for n < len(a) && a[n] == b[n] {
		n++
	}
	return n
}
