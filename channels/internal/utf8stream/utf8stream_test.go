package utf8stream_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sluicehq/sluice/channels/internal/utf8stream"
)

// prefixOfText is the definition to test against: p is well-formed up to its last
// rune, and that one can still be completed.
func prefixOfText(p []byte) bool {
	for len(p) > 0 {
		r, size := utf8.DecodeRune(p)
		if r == utf8.RuneError && size <= 1 {
			return completable(p)
		}
		p = p[size:]
	}
	return true
}

// completable reports whether some bytes make p one rune.
func completable(p []byte) bool {
	if len(p) > 3 {
		return false
	}
	for _, second := range []byte{0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF} {
		whole := append(append([]byte{}, p...), second, 0x80, 0x80)
		if len(p) > 1 {
			whole = append(append([]byte{}, p...), 0x80, 0x80)
		}
		if r, size := utf8.DecodeRune(whole); r != utf8.RuneError && size > len(p) {
			return true
		}
	}
	return false
}

var texts = []string{
	"",
	"plain ASCII, longer than any block that is looked at in one piece, to see its end as well.",
	"Füße, Ærø, naïve café, Ελληνικά, кириллица",
	"漢字かな交じり文、もう少し長く",
	"\U0001F600\U0001F468\u200d\U0001F469 and ASCII",
	"\u0000\u007f\u0080\u07ff\u0800\ud7ff\ue000\ufffd\uffff\U00010000\U0010ffff",
	"\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xe0\x9f\xbf", "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf", // overlong
	"\xed\xa0\x80", "\xed\xbf\xbf", // surrogates
	"\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xfe", // above U+10FFFF
	"\x80", "abc\xbf", "\xc3", "\xe2\x82", "\xf0\x9f\x98", "\xc3a", "\xe2\x82a", "\xf0\x9f\x98a", // cut short
	strings.Repeat("a", 131) + "\x80" + strings.Repeat("a", 131),
	strings.Repeat("ä", 131) + "\xc3" + strings.Repeat("ä", 131),
}

// Every text in every two pieces, and byte by byte.
func TestAgainstUnicodeUTF8(t *testing.T) {
	for _, text := range texts {
		p := []byte(text)
		for cut := range len(p) + 1 {
			var s utf8stream.State
			check(t, &s, nil, p[:cut])
			check(t, &s, p[:cut], p[cut:])
		}
		var s utf8stream.State
		for i := range p {
			check(t, &s, p[:i], p[i:i+1])
		}
	}
}

// check writes p after before and compares both answers.
func check(t *testing.T, s *utf8stream.State, before, p []byte) {
	t.Helper()
	all := append(append([]byte{}, before...), p...)
	if got, want := s.Write(p), prefixOfText(all); got != want {
		t.Fatalf("Write(%q) after %q = %t, want %t", p, before, got, want)
	}
	if got, want := s.Complete(), utf8.Valid(all); got != want {
		t.Fatalf("Complete() after %q = %t, want %t", all, got, want)
	}
}

// The rules of RFC 3629, Section 4, are about the first two bytes; of the third
// only the ends of the range of continuation bytes are tried.
func TestEverySequence(t *testing.T) {
	for a := 0x7F; a < 256; a++ {
		for b := range 256 {
			var s utf8stream.State
			two := []byte{byte(a), byte(b)}
			if got, want := s.Write(two), prefixOfText(two); got != want {
				t.Fatalf("Write(%x) = %t, want %t", two, got, want)
			}
			for _, c := range []byte{0x00, 0x7F, 0x80, 0xBF, 0xC0, 0xC2, 0xFF} {
				now, three := s, []byte{byte(a), byte(b), c}
				if got, want := now.Write(three[2:]), prefixOfText(three); got != want {
					t.Fatalf("Write(%x) after %x = %t, want %t", three[2:], two, got, want)
				}
				if got, want := now.Complete(), utf8.Valid(three); got != want {
					t.Fatalf("Complete() after %x = %t, want %t", three, got, want)
				}
			}
		}
	}
}

func TestDamagedTextInRandomPieces(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		p := []byte(strings.Repeat(texts[rnd.IntN(6)], 1+rnd.IntN(6)))
		if len(p) > 0 && rnd.IntN(2) == 0 {
			p[rnd.IntN(len(p))] = byte(rnd.Uint32())
		}
		var s utf8stream.State
		for start := 0; start < len(p); {
			end := min(len(p), start+1+rnd.IntN(100))
			check(t, &s, p[:start], p[start:end])
			start = end
		}
	}
}

func FuzzWrite(f *testing.F) {
	for _, text := range texts {
		f.Add([]byte(text), len(text)/2)
	}
	f.Fuzz(func(t *testing.T, p []byte, cut int) {
		cut = max(0, min(cut, len(p)))
		var s utf8stream.State
		check(t, &s, nil, p[:cut])
		check(t, &s, p[:cut], p[cut:])
	})
}

func BenchmarkWrite(b *testing.B) {
	kinds := []struct{ name, text string }{
		{"ASCII", "The quick brown fox jumps over the lazy dog. "},
		{"accents", "Où est la bibliothèque où l'élève a étudié? "},
		{"CJK", "素早い茶色の狐がのろまな犬を飛び越える。"},
	}
	for _, kind := range kinds {
		for _, n := range []int{16, 128, 1 << 10, 64 << 10} {
			p := []byte(strings.Repeat(kind.text, n/len(kind.text)+1))[:n]
			b.Run(fmt.Sprintf("%s/%d", kind.name, n), func(b *testing.B) {
				b.SetBytes(int64(n))
				for b.Loop() {
					var s utf8stream.State
					if !s.Write(p) {
						b.Fatal("a good text is called bad")
					}
				}
			})
		}
	}
}

// BenchmarkValid is what the standard library needs for whole texts.
func BenchmarkValid(b *testing.B) {
	for _, text := range []string{"The quick brown fox jumps over the lazy dog. ", "Où est la bibliothèque où l'élève a étudié? "} {
		p := []byte(strings.Repeat(text, 64<<10/len(text)))
		b.Run(text[:3], func(b *testing.B) {
			b.SetBytes(int64(len(p)))
			for b.Loop() {
				utf8.Valid(p)
			}
		})
	}
}
