package deflate

import "errors"

// errFull says that there is more output than room.
var errFull = errors.New("deflate: output is full")

// How many bits the tables look at first, unless the longest code has less. Few
// messages of 1 KB have longer codes.
const (
	litBits  = 10
	distBits = 8
)

// The most entries that tables and subtables of complete codes of 288 and 32
// symbols can have.
const (
	maxLitEntries  = 1334
	maxDistEntries = 402
)

// A step is what the stream has to have next.
type step uint8

const (
	atBlockHeader step = iota
	atStoredHeader
	inStored
	atDynamicHeader
	inPreLens
	inCodeLens
	inSymbols
)

// A decoder inflates a stream. It can stop and go on after any byte of input and
// when the output is full.
type decoder struct {
	bitReader
	step  step
	final bool // BFINAL of the block
	left  int  // of a stored block

	// The header of a dynamic block.
	numLit, numDist, numPre int
	seen                    int     // code lengths so far
	last                    codeLen // the last of them
	preLens                 [numPre]uint8
	used                    int // lens so far
	lens                    [numLit + numDist + 1]codeLen

	lit, dist, pre table
	litEntries     [maxLitEntries]entry
	distEntries    [maxDistEntries]entry
	preEntries     [1 << maxPreLen]entry

	// What matches may refer to: reach bytes back, in the output from start on, and
	// before that in history.
	start   int
	history []byte
	reach   int
}

var fixedLitTable, fixedDistTable = makeFixedTables()

func makeFixedTables() (lit, dist table) {
	var lens [numFixedLit]codeLen
	for i := range lens {
		lens[i] = codeLen(i<<4 | fixedLitLen(i))
	}
	lit.build(make([]entry, 1<<9), lens[:], litMeaning[:], litBits)
	for i := range numFixedDist {
		lens[i] = codeLen(i<<4 | 5)
	}
	dist.build(make([]entry, 1<<5), lens[:numFixedDist], distMeaning[:], distBits)
	return lit, dist
}

// begin prepares for a stream whose output begins at start of a slice.
func (d *decoder) begin(start int, w *Window) {
	d.bitReader = bitReader{}
	d.step = atBlockHeader
	d.start, d.history, d.reach = start, w.past(), w.size()
}

// complete reports whether a message may end here. RFC 7692, Section 7.2.1: the
// last block is an empty stored one, and what is missing are its LEN and NLEN.
func (d *decoder) complete() bool { return d.step == atStoredHeader && d.n == 0 }

// run decodes d.in to out[n:] and returns where out ends then. The error is nil
// when all input is used up, else errFull or ErrCorrupt.
func (d *decoder) run(out []byte, n int) (int, error) {
	for {
		var done bool
		var err error
		switch d.step {
		case atBlockHeader:
			done, err = d.readBlockHeader()
		case atStoredHeader:
			done, err = d.readStoredHeader()
		case inStored:
			n, done, err = d.copyStored(out, n)
		case atDynamicHeader:
			done, err = d.readDynamicHeader()
		case inPreLens:
			done, err = d.readPreLens()
		case inCodeLens:
			done, err = d.readCodeLens()
		case inSymbols:
			n, done, err = d.readSymbols(out, n)
		}
		if !done || err != nil {
			return n, err
		}
	}
}

func (d *decoder) readBlockHeader() (done bool, err error) {
	if !d.has(3) {
		return false, nil
	}
	d.final = d.take(1) == 1
	switch d.take(2) {
	case stored:
		d.align()
		d.step = atStoredHeader
	case fixed:
		d.lit, d.dist = fixedLitTable, fixedDistTable
		d.step = inSymbols
	case dynamic:
		d.step = atDynamicHeader
	default:
		// RFC 1951, Section 3.2.3: BTYPE 3 is an error.
		return false, ErrCorrupt
	}
	return true, nil
}

func (d *decoder) endBlock() {
	d.step = atBlockHeader
	if d.final {
		// RFC 7692, Section 7.2.1: after a block with BFINAL, the next one begins with
		// the next byte.
		d.align()
	}
}

func (d *decoder) readStoredHeader() (done bool, err error) {
	if !d.has(32) {
		return false, nil
	}
	size, complement := d.take(16), d.take(16)
	// RFC 1951, Section 3.2.4.
	if size != complement^0xffff {
		return false, ErrCorrupt
	}
	d.left = size
	d.step = inStored
	return true, nil
}

func (d *decoder) copyStored(out []byte, n int) (_ int, done bool, err error) {
	for ; d.n >= 8 && d.left > 0 && n < len(out); d.left-- {
		out[n] = byte(d.take(8))
		n++
	}
	if d.n == 0 && d.left > 0 {
		d.acc = 0
		k := copy(out[n:], d.in[d.pos:min(len(d.in), d.pos+d.left)])
		n += k
		d.pos += k
		d.left -= k
	}
	if d.left > 0 {
		if n == len(out) {
			err = errFull
		}
		return n, false, err
	}
	d.endBlock()
	return n, true, nil
}
