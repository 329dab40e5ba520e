package sessions

import (
	"encoding/json"
	"strings"
)

// What follows finds where JSON (RFC 8259) ends in text that is valid UTF-8: each
// function returns the position behind what begins at a position, or -1 if that is not
// there. White space is not taken, as this package writes none. Every handshake with a
// session comes by: encoding/json's check and a second look for the ends took three times
// as long.

// endOfValue finds the end of a value that nests at most so many levels deep.
func endOfValue(text string, at, levels int) int {
	if at >= len(text) {
		return -1
	}
	switch c := text[at]; {
	case c == '"':
		return endOfString(text, at)
	case c == '{', c == '[':
		return endOfNested(text, at, levels)
	case c == '-', isDigit(c):
		return endOfNumber(text, at)
	}
	for _, word := range [...]string{"true", "false", "null"} {
		if strings.HasPrefix(text[at:], word) {
			return at + len(word)
		}
	}
	return -1
}

// endOfNested finds the end of an object or an array.
func endOfNested(text string, at, levels int) int {
	if levels == 0 {
		return -1
	}
	object, closing := text[at] == '{', byte(']')
	if object {
		closing = '}'
	}
	at++
	if at < len(text) && text[at] == closing {
		return at + 1
	}
	for {
		if object {
			if at = endOfKey(text, at); at < 0 {
				return -1
			}
		}
		if at = endOfValue(text, at, levels-1); at < 0 || at == len(text) {
			return -1
		}
		switch text[at] {
		case closing:
			return at + 1
		case ',':
			at++
		default:
			return -1
		}
	}
}

// endOfKey finds the end of `"key":`.
func endOfKey(text string, at int) int {
	end := endOfString(text, at)
	if end < 0 || end == len(text) || text[end] != ':' {
		return -1
	}
	return end + 1
}

func endOfString(text string, at int) int {
	if at >= len(text) || text[at] != '"' {
		return -1
	}
	for i := at + 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return i + 1
		case c < ' ':
			return -1
		case c == '\\':
			if i = endOfEscape(text, i) - 1; i < 0 {
				return -1
			}
		}
	}
	return -1
}

// endOfEscape finds the end of what begins with a backslash.
func endOfEscape(text string, at int) int {
	rest := text[at+1:]
	switch {
	case rest == "":
		return -1
	case rest[0] != 'u':
		if strings.IndexByte(`"\/bfnrt`, rest[0]) < 0 {
			return -1
		}
		return at + 2
	case len(rest) < 5 || strings.Trim(rest[1:5], "0123456789abcdefABCDEF") != "":
		return -1
	}
	return at + 6
}

// endOfNumber finds the end of a number (RFC 8259, Section 6).
func endOfNumber(text string, at int) int {
	at = behind(text, at, "-")
	if begin := at; behind(text, at, "0") > begin {
		at++
	} else if at = endOfDigits(text, at); at == begin {
		return -1
	}
	if point := at; behind(text, at, ".") > point {
		if at = endOfDigits(text, point+1); at == point+1 {
			return -1
		}
	}
	if exponent := behind(text, at, "eE"); exponent > at {
		exponent = behind(text, exponent, "+-")
		if at = endOfDigits(text, exponent); at == exponent {
			return -1
		}
	}
	return at
}

// behind returns the position behind one of chars, or at if there is none.
func behind(text string, at int, chars string) int {
	if at < len(text) && strings.IndexByte(chars, text[at]) >= 0 {
		return at + 1
	}
	return at
}

func endOfDigits(text string, at int) int {
	for at < len(text) && isDigit(text[at]) {
		at++
	}
	return at
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// unquote returns what a JSON string says.
func unquote(text string) string {
	if strings.IndexByte(text, '\\') < 0 {
		return text[1 : len(text)-1]
	}
	return unescape(text)
}

// unescape has a function of its own because what it fills in is on the heap.
func unescape(text string) (s string) {
	json.Unmarshal([]byte(text), &s) // it was valid
	return s
}
