package routing

import (
	"strings"
	"unicode/utf8"
)

// routable reports whether a decoded path may match a route at all. What it
// turns away is read differently by different programs, so that a proxy's rule,
// a route and a file system would not mean the same by it.
func routable(path string) bool {
	ascii := true
	for i := range len(path) {
		switch c := path[i]; {
		case c < ' ', c == 0x7f:
			return false
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return !hasDotSegment(path) && (ascii || utf8.ValidString(path))
}

// hasDotSegment reports whether "." or ".." is a segment of path (RFC 3986,
// Section 3.3). The decoded path counts: "%2e%2e%2f" is one as well.
func hasDotSegment(path string) bool {
	if !strings.Contains(path, ".") {
		return false
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
}
