package conform

import (
	"errors"
	"fmt"
)

// An inflater decompresses messages by RFC 1951 and RFC 7692, Section 7.2.2, and
// is exact where a decompressor is usually generous: no match may reach further
// back than the agreed window, or, without context takeover, than the message.
type inflater struct {
	window     int  // bytes
	noTakeover bool // every message begins with an empty window

	history []byte // the end of what was decompressed before
	in      bitReader
	out     []byte
	start   int // where the message begins in out; history is before
}

// message returns the decompressed payload.
func (z *inflater) message(compressed []byte) ([]byte, error) {
	if z.noTakeover {
		z.history = nil
	}
	// RFC 7692, Section 7.2.2: what the sender has removed is put back.
	z.in = bitReader{b: append(compressed[:len(compressed):len(compressed)], 0x00, 0x00, 0xFF, 0xFF)}
	z.out = append([]byte(nil), z.history...)
	z.start = len(z.out)
	for !z.in.empty() {
		final, err := z.block()
		if err != nil {
			return nil, err
		}
		if final {
			// Section 7.2.3.4: a final block ends at a byte, and an empty stored
			// block has been put back behind it, or begins in its last byte.
			z.in.align()
		}
	}
	z.history = z.out[max(0, len(z.out)-z.window):]
	return z.out[z.start:], nil
}

func (z *inflater) block() (final bool, err error) {
	head, err := z.in.take(3)
	if err != nil {
		return false, err
	}
	final = head&1 != 0
	switch head >> 1 {
	case 0:
		err = z.stored()
	case 1:
		err = z.codes(fixedLiterals, fixedDistances)
	case 2:
		var literals, distances *huffman
		if literals, distances, err = z.tables(); err == nil {
			err = z.codes(literals, distances)
		}
	case 3:
		err = errors.New("a block of the reserved type")
	}
	return final, err
}

func (z *inflater) stored() error {
	z.in.align()
	n, err := z.in.take(16)
	if err != nil {
		return err
	}
	check, err := z.in.take(16)
	if err != nil {
		return err
	}
	if n != ^check&0xFFFF {
		return errors.New("a stored block whose lengths do not match")
	}
	b, err := z.in.bytes(int(n))
	z.out = append(z.out, b...)
	return err
}

var (
	lengthBase  = [29]int{3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258}
	lengthExtra = [29]int{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0}
	distBase    = [30]int{1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577}
	distExtra   = [30]int{0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13}
)

// codes reads a block's literals and matches (RFC 1951, Section 3.2.5).
func (z *inflater) codes(literals, distances *huffman) error {
	for {
		symbol, err := literals.decode(&z.in)
		switch {
		case err != nil:
			return err
		case symbol < 256:
			z.out = append(z.out, byte(symbol))
			continue
		case symbol == 256:
			return nil
		case symbol > 285:
			return fmt.Errorf("the length symbol %d", symbol)
		}
		if err := z.match(symbol-257, distances); err != nil {
			return err
		}
		if len(z.out)-z.start > biggest {
			return errors.New("more than anything that was sent")
		}
	}
}

func (z *inflater) match(symbol int, distances *huffman) error {
	extra, err := z.in.take(lengthExtra[symbol])
	if err != nil {
		return err
	}
	n := lengthBase[symbol] + int(extra)
	if symbol, err = distances.decode(&z.in); err != nil {
		return err
	}
	if symbol > 29 {
		return fmt.Errorf("the distance symbol %d", symbol)
	}
	if extra, err = z.in.take(distExtra[symbol]); err != nil {
		return err
	}
	back := distBase[symbol] + int(extra)
	if back > z.window {
		return fmt.Errorf("a match %d bytes back: the agreed window is %d", back, z.window)
	}
	if back > len(z.out) {
		if z.noTakeover {
			return errors.New("a match that reaches before the message, without context takeover")
		}
		return errors.New("a match that reaches before the first message")
	}
	for range n {
		z.out = append(z.out, z.out[len(z.out)-back])
	}
	return nil
}
