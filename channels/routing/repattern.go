package routing

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"strings"
)

// parseRegexp compiles a pattern of RePath.
func parseRegexp(source string) *pattern {
	tree, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		reason, at := explain(source, err)
		illFormed("RePath", source, at, reason)
	}
	re, err := regexp.Compile(`\A(?:` + source + `)`)
	if err != nil {
		illFormed("RePath", source, 0, err.Error())
	}
	literal, _ := literalPrefix(tree)
	if strings.HasPrefix(literal, "/") {
		illFormed("RePath", source, strings.IndexByte(source, '/'), "a leading slash, which paths are matched without")
	}
	p := &pattern{
		source:  source,
		label:   trimAnchors(source),
		literal: literal,
		re:      re,
		open:    true,
	}
	p.addGroups()
	return p
}

func trimAnchors(source string) string {
	source = strings.TrimPrefix(source, "^")
	if trimmed, ok := strings.CutSuffix(source, "$"); ok && !strings.HasSuffix(trimmed, `\`) {
		return trimmed
	}
	return source
}

// addGroups makes the groups of p.re its parameters: those with names if there
// are any, otherwise all.
func (p *pattern) addGroups() {
	names := p.re.SubexpNames()
	named := strings.Join(names, "") != ""
	for i, name := range names[1:] {
		if !named || name != "" {
			p.params = append(p.params, param{name: name})
			p.groups = append(p.groups, i+1)
		}
	}
}

// literalPrefix returns what every text that re matches begins with, and whether
// that is all of it. An assertion such as ^ takes no text.
func literalPrefix(re *syntax.Regexp) (prefix string, whole bool) {
	switch re.Op {
	case syntax.OpEmptyMatch, syntax.OpBeginText, syntax.OpBeginLine, syntax.OpEndText, syntax.OpEndLine,
		syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return "", true
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase != 0 {
			return "", false
		}
		return string(re.Rune), true
	case syntax.OpCapture:
		return literalPrefix(re.Sub[0])
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			text, all := literalPrefix(sub)
			prefix += text
			if !all {
				return prefix, false
			}
		}
		return prefix, true
	}
	return "", false
}

// explain says what is wrong with a regular expression, and where. Package
// syntax quotes the offending piece, which for a parenthesis is all of it.
func explain(source string, err error) (reason string, at int) {
	e, ok := errors.AsType[*syntax.Error](err)
	if !ok {
		return err.Error(), 0
	}
	switch e.Code {
	case syntax.ErrMissingParen, syntax.ErrUnexpectedParen:
		return string(e.Code), oddParen(source)
	}
	return string(e.Code), max(0, strings.Index(source, e.Expr))
}

// oddParen returns the place of the last parenthesis that is never closed, or of
// the first that was never opened.
func oddParen(source string) int {
	var open []int
	class := false // inside [ ]
	for i := 0; i < len(source); i++ {
		switch c := source[i]; {
		case c == '\\':
			i++
		case class:
			class = c != ']'
		case c == '[':
			class = true
			if strings.HasPrefix(source[i+1:], "^") {
				i++
			}
			if strings.HasPrefix(source[i+1:], "]") {
				i++ // a "]" in first place stands for itself
			}
		case c == '(':
			open = append(open, i)
		case c == ')' && len(open) == 0:
			return i
		case c == ')':
			open = open[:len(open)-1]
		}
	}
	if len(open) == 0 {
		return 0
	}
	return open[len(open)-1]
}
