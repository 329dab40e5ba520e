package deflate

// maxLen limits the codes of a block, which might have 15 bits. With 14, four
// literals can be put between two stores (and a match, with at most 46 bits).
const maxLen = 14

// A block is what it takes to write one.
type block struct {
	builder
	header
	lit   [numLit]code
	dist  [numDist]code
	lits  [numLit + 1]use
	dists [numDist + 1]use
}

var fixedLit, fixedDist = makeFixedCodes()

func makeFixedCodes() (lit [numFixedLit]code, dist [numFixedDist]code) {
	var found [numFixedLit]use
	var count [maxCodeLen + 1]uint16
	for i := range lit {
		found[i] = use(i)
		lit[i] = code(fixedLitLen(i))
		count[fixedLitLen(i)]++
	}
	assign(lit[:], found[:], &count)
	for i := range dist {
		dist[i] = 5
	}
	assign(dist[:], found[:numFixedDist], &[maxCodeLen + 1]uint16{5: numFixedDist})
	return lit, dist
}

// write writes raw, which m has parsed, in the shortest of the three ways.
func (b *block) write(w *bitWriter, raw []byte, m *matcher) {
	m.litFreq[endOfBlock]++
	lits := collect(b.lits[:], m.litFreq[:])
	extra, fixedSize := 0, 0
	for i, s := range lengthSpans {
		extra += int(m.litFreq[firstLength+i]) * int(s.extra)
	}
	for i, s := range distSpans {
		extra += int(m.distFreq[i]) * int(s.extra)
	}
	for _, u := range lits {
		fixedSize += int(u.freq()) * int(fixedLit[u.symbol()].len())
	}
	fixedSize += 5*len(m.sequences) + extra
	dists := b.twoDists(collect(b.dists[:], m.distFreq[:]))
	dynamicSize := extra + b.builder.build(b.lit[:], lits, maxLen) + b.builder.build(b.dist[:], dists, maxLen)
	dynamicSize += b.header.build(&b.builder, lits, dists, b.lit[:], b.dist[:])
	storedSize := 7 + 32 + 8*len(raw)
	size := min(storedSize, fixedSize, dynamicSize)
	w.room(size/8 + 8)
	switch size {
	case storedSize:
		w.bits(stored<<1, 3)
		w.align()
		w.bits(uint64(len(raw))|uint64(^uint16(len(raw)))<<16, 32)
		w.bytes(raw)
	case fixedSize:
		w.bits(fixed<<1, 3)
		writeSymbols(w, raw, m.sequences, fixedLit[:], fixedDist[:])
	default:
		w.bits(dynamic<<1, 3)
		b.header.write(w)
		writeSymbols(w, raw, m.sequences, b.lit[:], b.dist[:])
	}
}

// twoDists adds distances that do not occur until there are two, so that their code
// is complete: some decoders insist on it.
func (b *block) twoDists(found []use) []use {
	switch {
	case len(found) == 0:
		found = append(found, 0, 1)
	case len(found) == 1 && found[0].symbol() == 0:
		found = append(found, 1)
	case len(found) == 1:
		found = append(found[:0], 0, found[0])
	}
	return found
}

// writeSymbols writes raw as the sequences say, and the end of the block.
func writeSymbols(w *bitWriter, raw []byte, sequences []sequence, lit, dist []code) {
	lit, dist = lit[:numLit], dist[:numDist]
	out, n, p := w.out, w.n, w.pending
	for _, s := range sequences {
		p, n = writeLiterals(p, out, n, raw[:s.literals()], lit)
		raw = raw[s.literals()+int(s.length())+minMatch:]

		c, span := lit[firstLength+s.lengthSym()], lengthSpans[s.lengthSym()]
		p = p.put(c.bits(), c.len())
		p = p.put(uint64(s.length()-uint32(span.base-minMatch)), uint(span.extra))
		c, span = dist[s.distanceSym()], distSpans[s.distanceSym()]
		p = p.put(c.bits(), c.len())
		p = p.put(uint64(s.distance()-uint32(span.base-1)), uint(span.extra))
		n += p.store(out[n:])
		p = p.rest()
	}
	p, n = writeLiterals(p, out, n, raw, lit)
	w.n, w.pending = n, p
	c := lit[endOfBlock]
	w.bits(c.bits(), c.len())
}

func writeLiterals(p pending, out []byte, n int, raw []byte, lit []code) (pending, int) {
	for len(raw) >= 4 {
		c0, c1, c2, c3 := lit[raw[0]], lit[raw[1]], lit[raw[2]], lit[raw[3]]
		p = p.put(c0.bits(), c0.len())
		p = p.put(c1.bits(), c1.len())
		p = p.put(c2.bits(), c2.len())
		p = p.put(c3.bits(), c3.len())
		n += p.store(out[n:])
		p = p.rest()
		raw = raw[4:]
	}
	for _, b := range raw {
		c := lit[b]
		p = p.put(c.bits(), c.len())
	}
	n += p.store(out[n:])
	return p.rest(), n
}
