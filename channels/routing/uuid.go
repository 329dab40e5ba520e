package routing

import (
	"encoding/hex"
	"errors"
)

// A UUID is the value of <uuid:…>. It converts to the UUID type of the usual
// packages, which is an array of 16 bytes as well, and is text in JSON.
type UUID [16]byte

const uuidLen = 36

var errUUID = errors.New("routing: not a UUID of the form 01234567-89ab-cdef-0123-456789abcdef")

// String returns u in its usual form, in lower case (RFC 9562, Section 4).
func (u UUID) String() string {
	text, _ := u.MarshalText()
	return string(text)
}

// MarshalText implements [encoding.TextMarshaler].
func (u UUID) MarshalText() ([]byte, error) {
	text := make([]byte, 0, uuidLen)
	for i, b := range u {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			text = append(text, '-')
		}
		text = hex.AppendEncode(text, []byte{b})
	}
	return text, nil
}

// UnmarshalText implements [encoding.TextUnmarshaler], for the form that String
// returns and no other: one value has one text, also in a URL.
func (u *UUID) UnmarshalText(text []byte) error {
	parsed, err := parseUUID(string(text))
	if err != nil {
		return err
	}
	*u = parsed
	return nil
}

func parseUUID(text string) (UUID, error) {
	var u UUID
	if len(text) != uuidLen || uuidSpan(text) != uuidLen {
		return u, errUUID
	}
	for i, at := range [...]int{0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34} {
		u[i] = hexDigit(text[at])<<4 | hexDigit(text[at+1])
	}
	return u, nil
}

// uuidSpan returns 36 if text begins with a UUID in lower case, otherwise 0.
func uuidSpan(text string) int {
	if len(text) < uuidLen {
		return 0
	}
	for i := range uuidLen {
		c := text[i]
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return 0
			}
		default:
			if !isDigit(c) && (c < 'a' || c > 'f') {
				return 0
			}
		}
	}
	return uuidLen
}

// hexDigit returns the value of a hexadecimal digit in lower case.
func hexDigit(c byte) byte {
	if isDigit(c) {
		return c - '0'
	}
	return c - 'a' + 10
}
