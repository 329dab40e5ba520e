package deflate

import "math/bits"

// RFC 1951, Section 3.2.
const (
	minMatch   = 3
	maxMatch   = 258
	maxWindow  = 1 << 15
	maxStored  = 1<<16 - 1
	maxCodeLen = 15
	maxPreLen  = 7 // of the codes for code lengths

	endOfBlock  = 256
	firstLength = 257 // the symbol of the shortest lengths
	numLit      = 286 // literals, the end of the block, lengths
	numDist     = 30
	numPre      = 19 // the alphabet in which code lengths are sent

	// Of the fixed codes, 2 symbols each must not occur.
	numFixedLit  = 288
	numFixedDist = 32
)

// BTYPE, above BFINAL.
const (
	stored  = 0
	fixed   = 1
	dynamic = 2
)

// Symbols of the precode that stand for several lengths: RFC 1951, Section 3.2.7.
const (
	repeatLast  = 16 // 3 to 6 times, 2 extra bits
	zerosFew    = 17 // 3 to 10, 3 extra bits
	zerosMany   = 18 // 11 to 138, 7 extra bits
	maxRepeat   = 6
	maxZeros    = 138
	manyZeros   = 11
	fewestAlike = 3
)

// preOrder is the order in which the code lengths of the precode are sent.
var preOrder = [numPre]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// preExtra has the number of extra bits of each symbol of the precode.
var preExtra = [32]uint8{repeatLast: 2, zerosFew: 3, zerosMany: 7}

// A span is what a length or distance symbol stands for: the base, to which the
// value of the extra bits is added.
type span struct {
	base  uint16
	extra uint8
}

var (
	lengthSpans = makeLengthSpans()
	distSpans   = makeDistSpans()

	// lengthSymbols has the symbol of each match length, both counted from 0.
	lengthSymbols = makeLengthSymbols()
)

func makeLengthSpans() (spans [numLit - firstLength]span) {
	base := minMatch
	for i := range spans {
		extra := max(0, i/4-1)
		spans[i] = span{uint16(base), uint8(extra)}
		base += 1 << extra
	}
	spans[len(spans)-1] = span{maxMatch, 0} // the longest match has a symbol of its own
	return spans
}

func makeDistSpans() (spans [numDist]span) {
	base := 1
	for i := range spans {
		extra := max(0, i/2-1)
		spans[i] = span{uint16(base), uint8(extra)}
		base += 1 << extra
	}
	return spans
}

func makeLengthSymbols() (symbols [maxMatch - minMatch + 1]uint8) {
	for s, span := range lengthSpans {
		for n := range 1 << span.extra {
			symbols[min(int(span.base)-minMatch+n, len(symbols)-1)] = uint8(s)
		}
	}
	return symbols
}

// distSymbol returns the symbol of a distance that is counted from 0.
func distSymbol(d uint32) uint32 {
	if d < 4 {
		return d
	}
	n := uint32(bits.Len32(d)) - 1
	return 2*n + d>>(n-1)&1
}

// fixedLitLen returns how long the fixed code of a literal or length is: RFC 1951,
// Section 3.2.6. Those of distances have 5 bits.
func fixedLitLen(symbol int) int {
	switch {
	case symbol < 144:
		return 8
	case symbol < 256:
		return 9
	case symbol < 280:
		return 7
	}
	return 8
}
