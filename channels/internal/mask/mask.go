// Package mask applies the masking key of a WebSocket frame to its payload.
package mask

import (
	"encoding/binary"
	"math/bits"
)

// XOR masks, or unmasks, b in place. Pos is the offset of b[0] in the frame's
// payload, of which only the value modulo 4 counts: a payload that arrives in
// pieces is masked piece by piece, each call given what the one before returned.
//
//	pos := 0
//	for piece := range pieces {
//		pos = mask.XOR(piece, key, pos)
//	}
func XOR(b []byte, key [4]byte, pos int) int {
	k := rotated(key, pos)
	next := (pos + len(b)) & 3
	// Four words a turn, written out, are as fast as assembly does it; one word a
	// turn takes three times as long.
	le, word := binary.LittleEndian, uint64(k)<<32|uint64(k)
	for len(b) >= 32 {
		le.PutUint64(b[0:8], le.Uint64(b[0:8])^word)
		le.PutUint64(b[8:16], le.Uint64(b[8:16])^word)
		le.PutUint64(b[16:24], le.Uint64(b[16:24])^word)
		le.PutUint64(b[24:32], le.Uint64(b[24:32])^word)
		b = b[32:]
	}
	for len(b) >= 8 {
		le.PutUint64(b, le.Uint64(b)^word)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= byte(k)
		k = bits.RotateLeft32(k, -8)
	}
	return next
}

// Copy is XOR from src to dst, which must be at least as long and must not
// overlap src. It panics when dst is shorter.
func Copy(dst, src []byte, key [4]byte, pos int) int {
	k := rotated(key, pos)
	next := (pos + len(src)) & 3
	dst = dst[:len(src)]
	le, word := binary.LittleEndian, uint64(k)<<32|uint64(k)
	for len(src) >= 32 && len(dst) >= 32 {
		le.PutUint64(dst[0:8], le.Uint64(src[0:8])^word)
		le.PutUint64(dst[8:16], le.Uint64(src[8:16])^word)
		le.PutUint64(dst[16:24], le.Uint64(src[16:24])^word)
		le.PutUint64(dst[24:32], le.Uint64(src[24:32])^word)
		dst, src = dst[32:], src[32:]
	}
	for len(src) >= 8 && len(dst) >= 8 {
		le.PutUint64(dst, le.Uint64(src)^word)
		dst, src = dst[8:], src[8:]
	}
	for i := range src {
		dst[i] = src[i] ^ byte(k)
		k = bits.RotateLeft32(k, -8)
	}
	return next
}

// rotated returns the key with the octet that masks offset pos first, in the low
// byte. RFC 6455, Section 5.3: octet i of the payload is combined with octet i
// modulo 4 of the key; whole words keep that phase.
func rotated(key [4]byte, pos int) uint32 {
	return bits.RotateLeft32(binary.LittleEndian.Uint32(key[:]), -8*(pos&3))
}
