package deflate

import "encoding/binary"

// margin is how much room there has to be for readSymbols to be quick: the longest
// match, copied in pieces of 8 bytes, the first two at once.
const margin = maxMatch + 16

// readSymbols decodes to out[n:] until the end of the block.
func (d *decoder) readSymbols(out []byte, n int) (_ int, done bool, err error) {
	in, pos, acc, nb := d.in, d.pos, d.acc, d.bitReader.n
	lit, litBits, litMask := d.lit.entries, d.lit.bits, uint64(1)<<(d.lit.bits&63)-1
	dist, distBits, distMask := d.dist.entries, d.dist.bits, uint64(1)<<(d.dist.bits&63)-1
	for pos+8 <= len(in) && n+margin <= len(out) {
		// As in bitReader.fill. With 56 bits four literals of up to litBits can be taken
		// and a fifth symbol looked up. Written out, as a loop takes 5 % longer.
		acc |= binary.LittleEndian.Uint64(in[pos:]) << (nb & 63)
		pos += int((63 - nb) >> 3)
		nb |= 56
		e := lit[acc&litMask]
		if e&kindLiteral != 0 {
			acc >>= e & 63
			nb -= e.bits()
			out[n] = byte(e >> 16)
			n++
			e = lit[acc&litMask]
			if e&kindLiteral != 0 {
				acc >>= e & 63
				nb -= e.bits()
				out[n] = byte(e >> 16)
				n++
				e = lit[acc&litMask]
				if e&kindLiteral != 0 {
					acc >>= e & 63
					nb -= e.bits()
					out[n] = byte(e >> 16)
					n++
					e = lit[acc&litMask]
					if e&kindLiteral != 0 {
						acc >>= e & 63
						nb -= e.bits()
						out[n] = byte(e >> 16)
						n++
						continue
					}
				}
			}
			// A match has up to 48 bits.
			if pos+8 > len(in) {
				break
			}
			acc |= binary.LittleEndian.Uint64(in[pos:]) << (nb & 63)
			pos += int((63 - nb) >> 3)
			nb |= 56
		}
		if e&kindSpecial != 0 {
			if e&kindMask == kindLink {
				acc >>= litBits & 63
				nb -= litBits
				e = lit[uint64(e>>16)+acc&(1<<e.code()-1)]
			}
			if e&kindLiteral != 0 {
				acc >>= e & 63
				nb -= e.bits()
				out[n] = byte(e >> 16)
				n++
				continue
			}
			if e&kindSpecial != 0 {
				acc >>= e & 63
				nb -= e.bits()
				d.pos, d.acc, d.bitReader.n = pos, acc, nb
				if e&kindMask == kindEnd {
					d.endBlock()
					return n, true, nil
				}
				return n, false, ErrCorrupt
			}
		}
		length := e.value(acc)
		acc >>= e & 63
		nb -= e.bits()

		e = dist[acc&distMask]
		if e&kindSpecial != 0 {
			if e&kindMask == kindLink {
				acc >>= distBits & 63
				nb -= distBits
				e = dist[uint64(e>>16)+acc&(1<<e.code()-1)]
			}
			if e&kindSpecial != 0 {
				return n, false, ErrCorrupt
			}
		}
		distance := e.value(acc)
		acc >>= e & 63
		nb -= e.bits()

		from, to := n-distance, n+length
		if distance < 8 || from < d.start || distance > d.reach {
			if !d.copyMatch(out[:to], n, distance) {
				return n, false, ErrCorrupt
			}
			n = to
			continue
		}
		binary.LittleEndian.PutUint64(out[n:], binary.LittleEndian.Uint64(out[from:]))
		binary.LittleEndian.PutUint64(out[n+8:], binary.LittleEndian.Uint64(out[from+8:]))
		for n += 16; n < to; n += 8 {
			binary.LittleEndian.PutUint64(out[n:], binary.LittleEndian.Uint64(out[n-distance:]))
		}
		n = to
	}
	d.pos, d.acc, d.bitReader.n = pos, acc, nb
	return d.readLastSymbols(out, n)
}

// readLastSymbols does the same with any room and input. It takes a symbol from the
// input when it is whole.
func (d *decoder) readLastSymbols(out []byte, n int) (_ int, done bool, err error) {
	for {
		d.fill()
		acc, bits := d.acc, uint(0)
		e := d.lit.find(acc)
		if e&kindMask == kindLink {
			bits = e.bits()
			acc >>= bits
			e = d.lit.subtable(e, acc)
		}
		bits += e.bits()
		if bits > d.bitReader.n {
			return n, false, nil
		}
		switch {
		case e&kindLiteral != 0:
			if n == len(out) {
				return n, false, errFull
			}
			out[n] = byte(e >> 16)
			n++
			d.drop(bits)
			continue
		case e&kindMask == kindEnd:
			d.drop(bits)
			d.endBlock()
			return n, true, nil
		case e&kindSpecial != 0:
			return n, false, ErrCorrupt
		}
		length := e.value(acc)
		acc >>= e.bits()

		e = d.dist.find(acc)
		if e&kindMask == kindLink {
			bits += e.bits()
			acc >>= e.bits()
			e = d.dist.subtable(e, acc)
		}
		bits += e.bits()
		if bits > d.bitReader.n {
			return n, false, nil
		}
		if e&kindSpecial != 0 {
			return n, false, ErrCorrupt
		}
		to := n + length
		if to > len(out) {
			return n, false, errFull
		}
		if !d.copyMatch(out[:to], n, e.value(acc)) {
			return n, false, ErrCorrupt
		}
		n = to
		d.drop(bits)
	}
}

// copyMatch fills out from n on with what is distance bytes back. It reports false
// if that is out of reach.
func (d *decoder) copyMatch(out []byte, n, distance int) bool {
	from := n - distance
	if distance > d.reach || d.start-from > len(d.history) {
		return false
	}
	if from < d.start {
		n += copy(out[n:], d.history[len(d.history)-(d.start-from):])
		from = d.start
	}
	// A match may overlap what it makes. Then it is a pattern, of which there is
	// twice as much after each copy.
	for n < len(out) {
		n += copy(out[n:], out[from:n])
	}
	return true
}
