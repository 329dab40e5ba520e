package routing

import (
	"fmt"
	"regexp"
	"strings"
)

// A pattern decides whether a path matches and what its parameters are. It is
// compiled once, when its route is made.
type pattern struct {
	source string
	label  string  // source without anchors
	params []param // in the order of their captures

	// literal begins every path that matches: the index rules out the others.
	literal string

	// A pattern that can match in one way only is a chain of steps behind
	// literal; any other is a regular expression, with groups[i] the submatch of
	// params[i].
	steps  []step
	re     *regexp.Regexp
	groups []int

	// open patterns may end before the path does.
	open bool
}

// A param is what is known about a parameter before there is a path.
type param struct {
	name string     // "" for a positional one
	conv *converter // nil for text of a regular expression
}

// A step is a parameter and the text behind it.
type step struct {
	conv *converter
	then string
}

// match matches path, which begins with p.literal, from its start. It appends to
// buf what each of p.params captured, and returns where the match ends.
func (p *pattern) match(path string, buf []capture) (captures []capture, end int, ok bool) {
	if p.re != nil {
		captures, end, ok = p.matchRegexp(path, buf)
	} else {
		captures, end, ok = p.matchSteps(path, buf)
	}
	if !ok || !p.open && end != len(path) {
		return nil, 0, false
	}
	for i, c := range captures {
		if !p.params[i].accepts(c.text) {
			return nil, 0, false
		}
	}
	return captures, end, true
}

func (p *pattern) matchSteps(path string, captures []capture) ([]capture, int, bool) {
	pos := len(p.literal)
	for _, s := range p.steps {
		n := s.conv.span(path[pos:])
		if n == 0 || !strings.HasPrefix(path[pos+n:], s.then) {
			return nil, 0, false
		}
		captures = append(captures, capture{path[pos : pos+n], true})
		pos += n + len(s.then)
	}
	return captures, pos, true
}

func (p *pattern) matchRegexp(path string, captures []capture) ([]capture, int, bool) {
	at := p.re.FindStringSubmatchIndex(path)
	if at == nil {
		return nil, 0, false
	}
	for _, g := range p.groups {
		var c capture
		if start := at[2*g]; start >= 0 {
			c = capture{path[start:at[2*g+1]], true}
		}
		captures = append(captures, c)
	}
	return captures, at[1], true
}

// accepts reports whether text has a value. Only <int:…> can tell otherwise: its
// digits may be too many.
func (p *param) accepts(text string) bool {
	if p.conv == nil || p.conv.name != "int" {
		return true
	}
	_, err := p.conv.value(text)
	return err == nil
}

// parameter returns the value of a captured text.
func (p *param) parameter(text string) parameter {
	if p.conv == nil {
		return parameter{text, text}
	}
	value, _ := p.conv.value(text) // match has asked whether there is one
	return parameter{value, text}
}

// always reports whether every match has a parameter of that name.
func (p *pattern) always(name string) bool {
	for _, param := range p.params {
		if param.name == name && param.conv != nil {
			return true
		}
	}
	return false
}

// illFormed panics with the pattern and the place in it, an offset in bytes.
func illFormed(maker, pattern string, at int, reason string) {
	panic(fmt.Sprintf("routing: %s(%q): %s, at byte %d: %q", maker, pattern, reason, at, pattern[at:]))
}
