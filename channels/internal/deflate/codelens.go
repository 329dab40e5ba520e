package deflate

// The header of a dynamic block: RFC 1951, Section 3.2.7.

func (d *decoder) readDynamicHeader() (done bool, err error) {
	if !d.has(14) {
		return false, nil
	}
	d.numLit, d.numDist, d.numPre = d.take(5)+firstLength, d.take(5)+1, d.take(4)+4
	if d.numLit > numLit || d.numDist > numDist {
		return false, ErrCorrupt
	}
	clear(d.preLens[:])
	d.seen = 0
	d.step = inPreLens
	return true, nil
}

func (d *decoder) readPreLens() (done bool, err error) {
	for ; d.seen < d.numPre; d.seen++ {
		if !d.has(3) {
			return false, nil
		}
		d.preLens[preOrder[d.seen]] = uint8(d.take(3))
	}
	used := 0
	for s, n := range d.preLens {
		d.lens[used] = codeLen(s<<4 | int(n))
		used += int(n+7) >> 3 // 1 unless n is 0, without a branch
	}
	if !d.pre.build(d.preEntries[:], d.lens[:used], preMeaning[:], maxPreLen) {
		return false, ErrCorrupt
	}
	d.seen, d.used, d.last = 0, 0, 0
	d.step = inCodeLens
	return true, nil
}

func (d *decoder) readCodeLens() (done bool, err error) {
	total := d.numLit + d.numDist
	seen, used, last := d.seen, d.used, d.last
	acc, n := d.acc, d.n // in registers: a fifth faster
	for seen < total {
		if n < maxPreLen+7 {
			d.acc, d.n = acc, n
			d.fill()
			acc, n = d.acc, d.n
		}
		e := d.pre.find(acc)
		symbol := uint(e >> 16)
		bits := e.code() + uint(preExtra[symbol&31])
		if bits > n {
			break // the rest of the symbol has not arrived
		}
		times := int(acc & (1<<bits - 1) >> e.code())
		acc >>= bits & 63
		n -= bits
		switch {
		case e&kindSpecial != 0:
			return false, ErrCorrupt
		case symbol < repeatLast:
			last = codeLen(symbol)
			d.lens[used] = codeLen(seen<<4) | last
			used += int(last+15) >> 4 // 1 unless last is 0, without a branch
			seen++
			continue
		case symbol == repeatLast:
			if seen == 0 {
				return false, ErrCorrupt
			}
			times += fewestAlike
		case symbol == zerosFew:
			last = 0
			times += fewestAlike
		default:
			last = 0
			times += manyZeros
		}
		if seen+times > total {
			return false, ErrCorrupt
		}
		if last == 0 {
			seen += times
			continue
		}
		for range times {
			d.lens[used] = codeLen(seen<<4) | last
			used++
			seen++
		}
	}
	d.acc, d.n = acc, n
	d.seen, d.used, d.last = seen, used, last
	if seen < total {
		return false, nil
	}
	return true, d.buildTables()
}

func (d *decoder) buildTables() error {
	lits := d.used
	for ; lits > 0 && int(d.lens[lits-1].symbol()) >= d.numLit; lits-- {
		d.lens[lits-1] -= codeLen(d.numLit << 4)
	}
	if !d.lit.build(d.litEntries[:], d.lens[:lits], litMeaning[:], litBits) ||
		!d.dist.build(d.distEntries[:], d.lens[lits:d.used], distMeaning[:], distBits) {
		return ErrCorrupt
	}
	d.step = inSymbols
	return nil
}
