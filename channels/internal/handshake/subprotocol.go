package handshake

import (
	"errors"
	"slices"
	"strings"
)

// maxSubprotocols bounds what one client may offer; real ones offer one or two.
const maxSubprotocols = 32

// maxListLength bounds the whole field, in bytes.
const maxListLength = 8 << 10

var errSubprotocols = errors.New("malformed Sec-WebSocket-Protocol")

// Subprotocols returns what a client offers, in its order of preference, from
// the lines of Sec-WebSocket-Protocol (RFC 6455, Section 4.2.1, item 8): unique
// tokens, at most 32.
func Subprotocols(lines []string) ([]string, error) {
	if len(lines) == 0 {
		return nil, nil
	}
	var offered []string
	size := 0
	for _, line := range lines {
		if size += len(line); size > maxListLength {
			return nil, errSubprotocols
		}
		for item := range strings.SplitSeq(line, ",") {
			item = strings.Trim(item, " \t")
			// RFC 6455, Section 4.1, item 10: the elements MUST be tokens and
			// MUST all be unique.
			if !IsToken(item) || slices.Contains(offered, item) || len(offered) == maxSubprotocols {
				return nil, errSubprotocols
			}
			offered = append(offered, item)
		}
	}
	return offered, nil
}
