package routing

import (
	"strconv"
	"strings"
)

// A converter is what <name:…> in a pattern may hold, and what becomes of it.
type converter struct {
	name string
	expr string // the same as a regular expression

	// span returns how much of text, from its start, the converter takes at
	// most; 0 means that it does not match.
	span func(text string) int

	// continues reports whether text that begins with c may belong to what the
	// converter takes. If what follows it in a pattern cannot, there is only one
	// way to match.
	continues func(c byte) bool

	// value returns the value of a matched text. It may still refuse.
	value func(text string) (any, error)
}

func findConverter(name string) *converter {
	for i := range converters {
		if converters[i].name == name {
			return &converters[i]
		}
	}
	return nil
}

// converters are the five of Django.
var converters = [...]converter{
	{"str", `[^/]+`, segmentSpan, func(c byte) bool { return c != '/' }, keepText},
	{"int", `[0-9]+`, spanOf(isDigit), isDigit, parseInt},
	{"slug", `[-a-zA-Z0-9_]+`, spanOf(isSlugByte), isSlugByte, keepText},
	{"uuid", `[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}`, uuidSpan, noByte,
		func(text string) (any, error) { return parseUUID(text) }},
	{"path", `.+`, func(text string) int { return len(text) }, anyByte, keepText},
}

func segmentSpan(text string) int {
	if i := strings.IndexByte(text, '/'); i >= 0 {
		return i
	}
	return len(text)
}

func spanOf(in func(byte) bool) func(string) int {
	return func(text string) int {
		for i := range len(text) {
			if !in(text[i]) {
				return i
			}
		}
		return len(text)
	}
}

func keepText(text string) (any, error) { return text, nil }

func parseInt(text string) (any, error) { return strconv.Atoi(text) }

func anyByte(byte) bool { return true }

func noByte(byte) bool { return false }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }

func isSlugByte(c byte) bool { return isLetter(c) || isDigit(c) || c == '-' || c == '_' }
