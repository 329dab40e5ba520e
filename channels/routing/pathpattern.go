package routing

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// parsePath compiles a pattern in the notation of Path. An open one is a prefix.
func parsePath(maker, source string, open bool) *pattern {
	rejectMistakes(maker, source)
	p := &pattern{source: source, label: source, open: open}
	pos := 0 // of the text that comes next
	for {
		text, rest, found := strings.Cut(source[pos:], "<")
		if i := strings.IndexByte(text, '>'); i >= 0 {
			illFormed(maker, source, pos+i, `a ">" without its "<"`)
		}
		if len(p.steps) == 0 {
			p.literal = text
		} else {
			p.steps[len(p.steps)-1].then = text
		}
		if !found {
			break
		}
		pos += len(text)
		inside, _, closed := strings.Cut(rest, ">")
		if !closed {
			illFormed(maker, source, pos, `a "<" without its ">"`)
		}
		pm := parseParam(maker, source, pos+1, inside)
		for _, other := range p.params {
			if other.name == pm.name {
				illFormed(maker, source, pos, fmt.Sprintf("a second parameter named %q", pm.name))
			}
		}
		p.params = append(p.params, pm)
		p.steps = append(p.steps, step{conv: pm.conv})
		pos += len("<") + len(inside) + len(">")
	}
	if !p.oneWay() {
		p.useRegexp()
	}
	return p
}

// parseParam parses what stands between "<" and ">", at a place in source.
func parseParam(maker, source string, at int, inside string) param {
	kind, name, found := strings.Cut(inside, ":")
	if !found {
		kind, name = "str", inside
	}
	conv := findConverter(kind)
	switch {
	case conv == nil:
		illFormed(maker, source, at, fmt.Sprintf("unknown converter %q; there are str, int, slug, uuid and path", kind))
	case !isIdentifier(name):
		illFormed(maker, source, at+len(inside)-len(name), fmt.Sprintf("%q is not a name: letters, digits and _, not beginning with a digit", name))
	}
	return param{name, conv}
}

func isIdentifier(name string) bool {
	for i, r := range name {
		if r != '_' && !unicode.IsLetter(r) && (i == 0 || !unicode.IsDigit(r)) {
			return false
		}
	}
	return name != ""
}

// rejectMistakes panics for patterns that no path could ever match.
func rejectMistakes(maker, source string) {
	if i := invalidUTF8(source); i >= 0 {
		illFormed(maker, source, i, "invalid UTF-8")
	}
	if strings.HasPrefix(source, "/") {
		illFormed(maker, source, 0, "a leading slash, which paths are matched without")
	}
	if strings.HasPrefix(source, "^") {
		illFormed(maker, source, 0, "an anchor; a regular expression is for RePath")
	}
	if strings.HasSuffix(source, "$") {
		illFormed(maker, source, len(source)-1, "an anchor; a regular expression is for RePath")
	}
	for _, group := range [...]string{"(?P<", "(?<"} {
		if i := strings.Index(source, group); i >= 0 {
			illFormed(maker, source, i, "a group; a regular expression is for RePath")
		}
	}
}

// invalidUTF8 returns where s stops being UTF-8, or -1.
func invalidUTF8(s string) int {
	for i, r := range s {
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(s[i:]); size == 1 {
				return i
			}
		}
	}
	return -1
}

// oneWay reports whether there is at most one way to match p: no parameter can
// run on into what follows it. If so there is nothing to try again, and p is
// matched from left to right in linear time.
func (p *pattern) oneWay() bool {
	for i, s := range p.steps {
		last := i == len(p.steps)-1
		switch {
		case s.then != "" && s.conv.continues(s.then[0]):
			return false
		case s.then == "" && !last && s.conv.name != "uuid":
			return false
		}
	}
	return true
}

// useRegexp matches by the regular expression that p is short for. Package
// regexp needs linear time for it, whatever the path.
func (p *pattern) useRegexp() {
	var expr strings.Builder
	expr.WriteString(`\A` + regexp.QuoteMeta(p.literal))
	for i, s := range p.steps {
		expr.WriteString("(" + s.conv.expr + ")" + regexp.QuoteMeta(s.then))
		p.groups = append(p.groups, i+1)
	}
	if !p.open {
		expr.WriteString(`\z`)
	}
	p.re, p.steps = regexp.MustCompile(expr.String()), nil
}
