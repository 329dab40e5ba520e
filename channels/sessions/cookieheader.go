package sessions

import (
	"errors"
	"strings"
)

// The limits of a request's Cookie headers. net/http refuses more than a megabyte
// of headers with 431; these bound the work for servers that were told otherwise.
const (
	maxCookieHeader = 64 << 10
	maxCookiePairs  = 1000
)

var (
	errAmbiguous   = errors.New("the cookie was sent twice, with different values")
	errManyCookies = errors.New("too many cookies")
)

// cookieValue finds the one value of a cookie in a request's Cookie headers, empty
// if there is none. It reads what browsers send and no more (RFC 6265, Section
// 4.2.1): pairs separated by "; ", names and values byte for byte. A quote is a
// character like another, there are no $Version attributes, and no white space is
// trimmed but the space behind a semicolon, so that neither "\t__Host-session"
// nor "\u2000__Host-session" becomes "__Host-session".
func cookieValue(headers []string, name string) (string, error) {
	var value string
	found := false
	size, pairs := 0, 0
	for _, header := range headers {
		if size += len(header); size > maxCookieHeader {
			return "", errManyCookies
		}
		for pair := range strings.SplitSeq(header, ";") {
			if pairs++; pairs > maxCookiePairs {
				return "", errManyCookies
			}
			n, v, ok := strings.Cut(strings.TrimLeft(pair, " "), "=")
			switch {
			case !ok || n != name:
			case found && v != value:
				// One of them was planted, and nothing tells which.
				return "", errAmbiguous
			default:
				value, found = v, true
			}
		}
	}
	return value, nil
}
