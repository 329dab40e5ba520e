package auth

import (
	"crypto/sha1"
	"encoding/base64"
	"hash"
	"strconv"
	"strings"
)

// An algorithm is the name of a key derivation in a stored hash.
type algorithm string

const (
	pbkdf2SHA256 algorithm = "pbkdf2_sha256"
	pbkdf2SHA1   algorithm = "pbkdf2_sha1" // verified only, and replaced
)

// size is the length of a hash in bytes.
func (a algorithm) size() int {
	if a == pbkdf2SHA1 {
		return sha1.Size
	}
	return 32
}

func newSHA1() hash.Hash { return sha1.New() }

// An encoded hash is what is stored of a password.
type encoded struct {
	algorithm  algorithm
	iterations int
	salt       string
	hash       []byte
}

const (
	maxEncoded = 256
	maxSalt    = 64

	// minSalt is the length of a salt of 128 bits in letters and digits.
	minSalt = 22
)

func (e encoded) String() string {
	return string(e.algorithm) + "$" + strconv.Itoa(e.iterations) + "$" + e.salt + "$" +
		base64.StdEncoding.EncodeToString(e.hash)
}

// parseEncoded reads algorithm$iterations$salt$hash in the one form in which it is
// written. It bounds what the hash may ask for before anything is computed.
func parseEncoded(text string, maxIterations int) (e encoded, ok bool) {
	if len(text) > maxEncoded {
		return e, false
	}
	fields := strings.Split(text, "$")
	if len(fields) != 4 {
		return e, false
	}
	e.algorithm, e.salt = algorithm(fields[0]), fields[2]
	if e.algorithm != pbkdf2SHA256 && e.algorithm != pbkdf2SHA1 {
		return encoded{}, false
	}
	n, err := strconv.Atoi(fields[1])
	if err != nil || n < 1 || n > maxIterations || strconv.Itoa(n) != fields[1] {
		return encoded{}, false
	}
	e.iterations = n
	if e.salt == "" || len(e.salt) > maxSalt || !isGraphic(e.salt) {
		return encoded{}, false
	}
	e.hash, err = base64.StdEncoding.Strict().DecodeString(fields[3])
	if err != nil || len(e.hash) != e.algorithm.size() || strings.ContainsAny(fields[3], "\r\n") {
		return encoded{}, false
	}
	return e, true
}

// algorithmOf returns the text before the first "$".
func algorithmOf(stored string) string {
	name, _, _ := strings.Cut(stored, "$")
	return name
}

// isGraphic reports whether text is printable ASCII without spaces.
func isGraphic(text string) bool {
	for _, c := range []byte(text) {
		if c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}
