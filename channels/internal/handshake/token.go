// Package handshake parses and builds the header fields of a WebSocket opening
// handshake: tokens, keys, subprotocols, extension offers, origins.
package handshake

import "strings"

// HasToken reports whether a field that is a comma-separated list of tokens
// (RFC 9110, Section 5.6.1), in one or several lines, contains token. Case does
// not count: Connection and Upgrade are such fields.
func HasToken(lines []string, token string) bool {
	for _, line := range lines {
		for item := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.Trim(item, " \t"), token) {
				return true
			}
		}
	}
	return false
}

// IsToken reports whether s is a token (RFC 9110, Section 5.6.2).
func IsToken(s string) bool {
	for i := range len(s) {
		if !isTokenByte(s[i]) {
			return false
		}
	}
	return s != ""
}

func isTokenByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}
