package auth

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bearer is the scheme of RFC 6750, Section 2.1: a token in the Authorization field. Other
// kinds of Authorization are not its, and ignored. A token has at most 8,192 bytes.
func Bearer(verify Verifier) Scheme {
	return Scheme{Name: "bearer", Challenge: "Bearer", Take: takeBearer, Verify: verify}
}

func takeBearer(r *http.Request) (string, error) {
	lines := r.Header["Authorization"]
	mine := slices.ContainsFunc(lines, func(line string) bool {
		kind, _, _ := strings.Cut(line, " ")
		return strings.EqualFold(kind, "Bearer") // RFC 9110, Section 11.1
	})
	if !mine {
		return "", ErrNotMine
	}
	if len(lines) > 1 {
		return "", fmt.Errorf("%w: more than one Authorization", ErrMalformed)
	}
	_, token, _ := strings.Cut(lines[0], " ")
	if !isToken68(token) {
		return "", fmt.Errorf("%w: bearer", ErrMalformed)
	}
	return token, nil
}

// isToken68 reports whether text is what may follow "Bearer " (RFC 9110, Section 11.2),
// and not too long.
func isToken68(text string) bool {
	body := strings.TrimRight(text, "=")
	if body == "" || len(text) > maxToken {
		return false
	}
	for _, c := range []byte(body) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9',
			c == '-', c == '.', c == '_', c == '~', c == '+', c == '/':
		default:
			return false
		}
	}
	return true
}

// BearerProtocolPrefix begins the subprotocol that carries a token.
const BearerProtocolPrefix = "base64url.bearer.authorization."

// BearerProtocol is a scheme for pages in a browser, whose only field in a handshake is
// the subprotocol: beside the real ones they offer one that is BearerProtocolPrefix
// with the token in base64url, without padding:
//
//	new WebSocket(url, ["chat", "base64url.bearer.authorization." + base64url(token)])
//
// It is taken out before the handshake is answered, so it is never echoed or agreed on. A
// real one must be there too: a browser that offers some ends the connection when none
// is agreed on. A token is UTF-8 of at most 8,192 bytes.
func BearerProtocol(verify Verifier) Scheme {
	return Scheme{Name: "bearer subprotocol", Challenge: "Bearer", Take: takeBearerProtocol, Verify: verify}
}

func takeBearerProtocol(r *http.Request) (string, error) {
	const field = "Sec-Websocket-Protocol"
	lines := r.Header[field]
	if !slices.ContainsFunc(lines, func(line string) bool { return strings.Contains(line, BearerProtocolPrefix) }) {
		return "", ErrNotMine
	}
	var real []string
	text, found := "", false
	for entry := range strings.SplitSeq(strings.Join(lines, ","), ",") {
		entry = strings.Trim(entry, " \t")
		encoded, mine := strings.CutPrefix(entry, BearerProtocolPrefix)
		switch {
		case mine && found:
			return "", fmt.Errorf("%w: two bearer subprotocols", ErrMalformed)
		case mine:
			text, found = encoded, true
		case entry != "": // RFC 9110, Section 5.6.1.2: empty elements are ignored
			real = append(real, entry)
		}
	}
	if !found {
		return "", ErrNotMine
	}
	token, ok := decodeToken(text)
	if !ok {
		return "", fmt.Errorf("%w: bearer subprotocol", ErrMalformed)
	}
	if len(real) == 0 {
		return "", fmt.Errorf("%w: a bearer subprotocol, and no other to agree on", ErrMalformed)
	}
	r.Header = r.Header.Clone()
	r.Header[field] = []string{strings.Join(real, ", ")}
	return token, nil
}

// decodeToken decodes the text behind the prefix.
func decodeToken(text string) (string, bool) {
	if text == "" || len(text) > base64.RawURLEncoding.EncodedLen(maxToken) {
		return "", false
	}
	b, ok := decodeBase64(text)
	return string(b), ok && utf8.Valid(b)
}

// decodeBase64 decodes base64url in its one form. encoding/base64 alone would skip \r
// and \n, even in strict mode.
func decodeBase64(text string) ([]byte, bool) {
	if strings.ContainsAny(text, "\r\n") {
		return nil, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return b, err == nil
}

// TakeQuery takes a parameter out of the query, for the Take of a Scheme: the handler, and
// what logs the address further in, do not see it. It returns ErrNotMine if the
// parameter is not there, and ErrMalformed if it is there twice, is empty, or has more
// than 8,192 bytes.
//
// A token in an address is seen by whoever sees the address: proxies, their logs, the
// browser's history. Let it be a ticket, see [Tickets].
func TakeQuery(r *http.Request, name string) (string, error) {
	if !strings.Contains(r.URL.RawQuery, name) && !strings.Contains(r.URL.RawQuery, "%") {
		return "", ErrNotMine
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	values := query[name]
	if len(values) == 0 && (err == nil || !strings.Contains(r.URL.RawQuery, name)) {
		return "", ErrNotMine
	}
	if err != nil || len(values) > 1 || values[0] == "" || len(values[0]) > maxToken {
		return "", fmt.Errorf("%w: parameter %s", ErrMalformed, name)
	}
	query.Del(name)
	u := *r.URL
	u.RawQuery = query.Encode()
	r.URL = &u
	r.RequestURI = u.RequestURI()
	return values[0], nil
}
