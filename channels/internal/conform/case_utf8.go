package conform

import (
	"fmt"
	"slices"
	"unicode/utf8"
)

// What UTF-8 is (RFC 3629), in the classes of Markus Kuhn's decoder test.

// validTexts are texts by the names of what is in them.
func validTexts() []named {
	all := []named{
		{"Greek", "κόσμε"},
		{"the highest code point that is allowed", "\U0010FFFF"},
		{"four lengths", "a\u00e4\u20ac\U0001D11E"},
		{"byte order mark", "\uFEFFHello"},
		{"NUL", "a\x00b"},
		{"control characters", "\x01\x1f\x7f\u0080\u009f"},
		{"combining marks and right to left", "e\u0301 \u05d0\u05d1 \u202e\u200f"},
	}
	for _, r := range []rune{0x00, 0x7F, 0x80, 0x7FF, 0x800, 0xFFF, 0x1000, 0xCFFF, 0xD000, 0xD7FF, 0xE000, 0xFFFD,
		0xFFFF, 0x10000, 0x3FFFF, 0x40000, 0xFFFFF, 0x100000, 0x10FFFF} {
		all = append(all, named{fmt.Sprintf("boundary %U", r), string(r)})
	}
	// Noncharacters are not for interchange, and yet well-formed.
	for _, r := range []rune{0xFFFE, 0x1FFFE, 0x1FFFF, 0x2FFFE, 0xFFFFE, 0x10FFFE, 0xFDD0, 0xFDEF} {
		all = append(all, named{fmt.Sprintf("noncharacter %U", r), string(r)})
	}
	return all
}

type named struct{ name, text string }

// invalidTexts are byte sequences that are not UTF-8, wherever they stand.
func invalidTexts() []named {
	all := []named{
		{"lone continuation byte 80", "\x80"},
		{"lone continuation byte BF", "\xBF"},
		{"continuation bytes, 2", "\x80\xBF"},
		{"continuation bytes, 3", "\x80\xBF\x80"},
		{"continuation bytes, 7", "\x80\xBF\x80\xBF\x80\xBF\x80"},
		{"continuation bytes, all", run(0x80, 0xBF, "")},
		{"lone start bytes of 2", run(0xC2, 0xDF, " ")},
		{"lone start bytes of 3", run(0xE0, 0xEF, " ")},
		{"lone start bytes of 4", run(0xF0, 0xF4, " ")},
		{"start bytes of 5", run(0xF8, 0xFB, " ")},
		{"start bytes of 6", run(0xFC, 0xFD, " ")},
		{"impossible byte FE", "\xFE"},
		{"impossible byte FF", "\xFF"},
		{"impossible bytes FE FE FF FF", "\xFE\xFE\xFF\xFF"},
		{"impossible byte C0", "\xC0\x80"},
		{"impossible byte C1", "\xC1\xBF"},
		{"impossible byte F5", "\xF5\x80\x80\x80"},
		{"sequence of 5", "\xF8\x88\x80\x80\x80"},
		{"sequence of 6", "\xFC\x84\x80\x80\x80\x80"},
		{"above U+10FFFF", "\xF4\x90\x80\x80"},
		{"far above U+10FFFF", "\xF7\xBF\xBF\xBF"},
		{"overlong slash in 2", "\xC0\xAF"},
		{"overlong slash in 3", "\xE0\x80\xAF"},
		{"overlong slash in 4", "\xF0\x80\x80\xAF"},
		{"overlong slash in 5", "\xF8\x80\x80\x80\xAF"},
		{"overlong slash in 6", "\xFC\x80\x80\x80\x80\xAF"},
		{"overlong, the highest in 2", "\xC1\xBF"},
		{"overlong, the highest in 3", "\xE0\x9F\xBF"},
		{"overlong, the highest in 4", "\xF0\x8F\xBF\xBF"},
		{"overlong NUL in 2", "\xC0\x80"},
		{"overlong NUL in 3", "\xE0\x80\x80"},
		{"overlong NUL in 4", "\xF0\x80\x80\x80"},
		{"2 of 3 bytes, then ASCII", "\xE2\x82A"},
		{"3 of 4 bytes, then ASCII", "\xF0\x9D\x84A"},
		{"truncated sequences in a row", "\xC3\xE2\x82\xF0\x9D\x84"},
	}
	for _, r := range []uint16{0xD800, 0xDB7F, 0xDB80, 0xDBFF, 0xDC00, 0xDF80, 0xDFFF} {
		all = append(all, named{fmt.Sprintf("surrogate U+%X", r), surrogate(r)})
	}
	for _, pair := range [][2]uint16{{0xD800, 0xDC00}, {0xD800, 0xDFFF}, {0xDBFF, 0xDC00}, {0xDBFF, 0xDFFF}, {0xD834, 0xDD1E}} {
		all = append(all, named{fmt.Sprintf("surrogates U+%X U+%X", pair[0], pair[1]), surrogate(pair[0]) + surrogate(pair[1])})
	}
	return all
}

// surrogate encodes a surrogate as if it were a character.
func surrogate(r uint16) string {
	return string([]byte{0xE0 | byte(r>>12), 0x80 | byte(r>>6&0x3F), 0x80 | byte(r&0x3F)})
}

// run is all bytes from first to last, each followed by sep.
func run(first, last byte, sep string) string {
	var b []byte
	for c := int(first); c <= int(last); c++ {
		b = append(append(b, byte(c)), sep...)
	}
	return string(b)
}

// utf8ValidCases: texts that have to be delivered.
func utf8ValidCases() []Case {
	const rule = "text that is UTF-8 is delivered"
	var all []Case
	for _, n := range validTexts() {
		all = append(all, echoes("6455/8.1 valid "+n.name, rule, text(n.text), text("before "+n.text+" behind")))
	}
	return append(all,
		echoes("6455/8.1 binary that is not UTF-8", "a binary message may have any payload",
			binaryFrame([]byte("\xFF\xFE\x80\xC0\xED\xA0\x80")), binaryFrame([]byte{0xE2, 0x82}),
			binaryFrame([]byte{0xE2}).more(), continuation("\x82")),
		echoes("6455/8.1 many languages", rule, text(repeat("Ünïcödé κόσμος мир 世界 🌍 ", 2000))),
	)
}

// utf8InvalidCases: F19, each in a message of its own.
func utf8InvalidCases() []Case {
	const rule = "text that is not UTF-8 fails the connection"
	var all []Case
	for _, n := range invalidTexts() {
		all = append(all, breaks("6455/8.1 invalid "+n.name, rule, invalidData, text(n.text)))
	}
	for _, n := range truncatedTexts() {
		all = append(all,
			breaks("6455/8.1 invalid "+n.name, rule, invalidData, text(n.text)),
			breaks("6455/8.1 invalid "+n.name+", behind text", rule, invalidData, text("Hello "+n.text)),
			breaks("6455/8.1 invalid "+n.name+", last fragment empty", rule, invalidData, text(n.text).cut(len(n.text))...),
		)
	}
	return append(all,
		breaks("6455/8.1 invalid text behind valid text", rule, invalidData, text("κόσμε\xED\xA0\x80edited")),
		breaks("6455/8.1 invalid text at the end of 64 KiB", rule, invalidData, text(letters(65535)+"\xFF")),
		breaks("6455/8.1 invalid text at each position of a block", rule, invalidData,
			text(letters(13)+"\xC3"+letters(50))),
		breaks("6455/8.1 invalid text after valid messages", rule, invalidData, text("κόσμε"), text("\xC0\xAF")),
		breaks("6455/8.1 rune cut by two messages", "a text message is UTF-8 by itself", invalidData,
			text("\xE2\x82"), text("\xAC")),
	)
}

// truncatedTexts end within a rune, at each point.
func truncatedTexts() []named {
	var all []named
	for _, r := range []rune{'ä', '€', '𝄞', utf8.MaxRune} {
		b := utf8.AppendRune(nil, r)
		for n := range len(b) - 1 {
			all = append(all, named{fmt.Sprintf("end after %d of %d bytes of %U", n+1, len(b), r), string(b[:n+1])})
		}
	}
	return all
}

// utf8SplitCases: text in fragments that do not respect its runes. F20.
func utf8SplitCases() []Case {
	const rule = "a rune may be split by fragments"
	const sample = "a\u00e4\u20ac\U0001D11E."
	var all []Case
	for at := 1; at < len(sample); at++ {
		all = append(all, echoes(fmt.Sprintf("6455/8.1 split after byte %d", at), rule, text(sample).cut(at)...))
	}
	all = append(all,
		echoes("6455/8.1 split into single bytes", rule, text(sample+"κόσμε").split(1)...),
		echoes("6455/8.1 split with empty fragments", rule, text("€").cut(1, 1, 2, 2)...),
		echoes("6455/8.1 split with pings between", rule,
			between(text("€𝄞").split(1), func(int) frame { return ping("\xFF") })...),
		chopped("6455/8.1 split, single bytes on the wire", rule, 1, text(sample+"κόσμε").split(1)...),
		chopped("6455/8.1 runes in single bytes on the wire", rule, 1, text(sample+"κόσμε")),
	)
	for _, n := range []named{
		{"surrogate", "a\xED\xA0\x80b"},
		{"overlong", "a\xE0\x80\xAFb"},
		{"overlong of 4", "a\xF0\x80\x80\xAFb"},
		{"above U+10FFFF", "a\xF4\x90\x80\x80b"},
		{"truncated", "a\xF0\x9D\x84b"},
	} {
		bad := firstBad(n.text)
		for at := 1; at < len(n.text); at++ {
			name := fmt.Sprintf("6455/8.1 split %s after byte %d", n.name, at)
			frames := text(n.text).cut(at)
			if at > bad {
				frames = frames[:1] // the rest would come too late
			}
			all = append(all, breaks(name, "text that is not UTF-8 fails the connection, however it is split", invalidData, frames...))
		}
	}
	return all
}

// firstBad is the offset of the first byte that no valid text can have there.
func firstBad(s string) int {
	for n := range len(s) + 1 {
		if !canGoOn(s[:n]) {
			return n - 1
		}
	}
	return len(s)
}

// canGoOn reports whether s is the beginning of a valid text.
func canGoOn(s string) bool {
	return utf8.ValidString(s) || slices.ContainsFunc(endings, func(end string) bool { return utf8.ValidString(s + end) })
}

// endings complete any beginning of a rune.
var endings = []string{"\x80", "\x90", "\xBF", "\x80\x80", "\x90\x80", "\xA0\x80", "\x80\x80\x80", "\x90\x80\x80", "\xA0\x80\x80"}
