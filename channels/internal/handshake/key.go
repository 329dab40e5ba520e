package handshake

import (
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
)

// guid is appended to the key before it is hashed (RFC 6455, Section 1.3).
const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

const keyLength = 24 // of base64, for 16 bytes

// NewKey returns a nonce for Sec-WebSocket-Key (RFC 6455, Section 4.1).
func NewKey() string {
	var nonce [16]byte
	rand.Read(nonce[:])
	return base64.StdEncoding.EncodeToString(nonce[:])
}

// ValidKey reports whether key is the base64 form of 16 bytes: the one form, the
// spare bits of whose last character are 0 (RFC 6455, Section 4.2.1, item 5).
func ValidKey(key string) bool {
	if len(key) != keyLength {
		return false
	}
	for i := range len(key) {
		if key[i] == '\r' || key[i] == '\n' { // which base64 skips
			return false
		}
	}
	var nonce [keyLength / 4 * 3]byte
	n, err := base64.StdEncoding.Strict().Decode(nonce[:], []byte(key))
	return err == nil && n == 16
}

// Accept returns the Sec-WebSocket-Accept for key (RFC 6455, Section 4.2.2).
func Accept(key string) string { return string(AppendAccept(nil, key)) }

// AppendAccept appends it to b.
func AppendAccept(b []byte, key string) []byte {
	var buf [keyLength + len(guid)]byte
	sum := sha1.Sum(append(append(buf[:0], key...), guid...))
	return base64.StdEncoding.AppendEncode(b, sum[:])
}
