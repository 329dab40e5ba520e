package conform

import (
	"bytes"
	"compress/flate"
	"math/bits"
)

// A deflater compresses messages by RFC 7692, Section 7.2.1, with matches that
// reach back as far as the agreed window allows: into messages before, where
// context is taken over, and across all of the window.
type deflater struct {
	window     int // bytes
	noTakeover bool

	text  []byte       // the messages so far
	seen  [4096]uint32 // by a hash of three bytes: behind where they were last, 0 for nowhere
	known int          // bytes of text that seen knows
}

// message returns the compressed payload.
func (z *deflater) message(plain []byte) []byte {
	var w bitWriter
	z.block(&w, plain)
	return w.flushed()
}

// block writes plain as one block with the fixed code.
func (z *deflater) block(w *bitWriter, plain []byte) {
	if z.noTakeover {
		z.forget()
	}
	at := len(z.text)
	z.text = append(z.text, plain...)
	w.put(0b010, 3) // not final, type 1
	for at < len(z.text) {
		back, n := z.longest(at)
		if n < 3 {
			w.literal(int(z.text[at]))
			at++
			continue
		}
		w.match(n, back)
		at += n
	}
	w.literal(256)
}

// longest finds a match for what stands at an offset in text.
func (z *deflater) longest(at int) (back, n int) {
	for ; z.known < at && z.known+3 <= len(z.text); z.known++ {
		z.seen[hash(z.text[z.known:])] = uint32(z.known) + 1
	}
	if at+3 > len(z.text) {
		return 0, 0
	}
	from := int(z.seen[hash(z.text[at:])]) - 1
	if from < 0 || at-from > z.window {
		return 0, 0
	}
	for n < 258 && at+n < len(z.text) && z.text[from+n] == z.text[at+n] {
		n++
	}
	return at - from, n
}

func hash(b []byte) uint64 {
	return (uint64(b[0])<<16 | uint64(b[1])<<8 | uint64(b[2])) * 0x9E3779B1 >> 12 & 4095
}

// forget empties the window, as an endpoint that gives up its context may at any
// time.
func (z *deflater) forget() { z.text, z.seen, z.known = nil, [4096]uint32{}, 0 }

// A bitWriter writes bits from the lowest up.
type bitWriter struct {
	b    []byte
	bits uint64
	n    int
}

func (w *bitWriter) put(v uint64, n int) {
	w.bits |= v << w.n
	for w.n += n; w.n >= 8; w.n -= 8 {
		w.b = append(w.b, byte(w.bits))
		w.bits >>= 8
	}
}

// code writes a Huffman code, which goes from the highest bit down.
func (w *bitWriter) code(v uint64, n int) {
	w.put(bits.Reverse64(v)>>(64-n), n)
}

// literal writes a symbol of the fixed literal code.
func (w *bitWriter) literal(symbol int) {
	v := uint64(symbol)
	switch {
	case symbol < 144:
		w.code(0x30+v, 8)
	case symbol < 256:
		w.code(0x190+v-144, 9)
	case symbol < 280:
		w.code(v-256, 7)
	default:
		w.code(0xC0+v-280, 8)
	}
}

// match writes a length and a distance with the fixed codes.
func (w *bitWriter) match(n, back int) {
	i := last(lengthBase[:], n)
	w.literal(257 + i)
	w.put(uint64(n-lengthBase[i]), lengthExtra[i])
	i = last(distBase[:], back)
	w.code(uint64(i), 5)
	w.put(uint64(back-distBase[i]), distExtra[i])
}

// last returns the index of the last base that is not above v.
func last(bases []int, v int) int {
	i := len(bases) - 1
	for bases[i] > v {
		i--
	}
	return i
}

func (w *bitWriter) align() {
	if w.n > 0 {
		w.put(0, 8-w.n)
	}
}

// stored writes a stored block of at most 65535 bytes.
func (w *bitWriter) stored(b []byte) {
	w.put(0, 3)
	w.align()
	w.put(uint64(len(b)), 16)
	w.put(uint64(^len(b)&0xFFFF), 16)
	w.b = append(w.b, b...)
}

// flushed ends with an empty stored block, of which RFC 7692, Section 7.2.1, leaves
// the header bits only.
func (w *bitWriter) flushed() []byte {
	w.put(0, 3)
	w.align()
	return w.b
}

// storedBlocks is a message of stored blocks of at most n bytes.
func storedBlocks(plain []byte, n int) []byte {
	var w bitWriter
	for len(plain) > 0 {
		w.stored(plain[:min(n, len(plain))])
		plain = plain[min(n, len(plain)):]
	}
	return w.flushed()
}

// leveled is a message compressed by compress/flate, which uses dynamic codes and
// a window of 32 KiB. Its parts are flushed one by one.
func leveled(level int, parts ...[]byte) []byte {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, level)
	if err != nil {
		panic(err)
	}
	for _, part := range parts {
		w.Write(part)
		w.Flush()
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{0x00, 0x00, 0xFF, 0xFF})
}
