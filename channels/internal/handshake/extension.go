package handshake

import (
	"errors"
	"strings"
)

// An Extension is one element of Sec-WebSocket-Extensions (RFC 6455, Section
// 9.1): a name and its parameters.
type Extension struct {
	Name   string
	Params []Param
}

// A Param is an extension's parameter. HasValue tells "name" from "name=".
type Param struct {
	Name, Value string
	HasValue    bool
}

// The bounds of what is parsed: elements, and parameters of each.
const maxExtensions = 16

var errExtensions = errors.New("malformed Sec-WebSocket-Extensions")

// Extensions parses the lines of a Sec-WebSocket-Extensions field.
func Extensions(lines []string) ([]Extension, error) {
	var list []Extension
	size := 0
	for _, line := range lines {
		if size += len(line); size > maxListLength {
			return nil, errExtensions
		}
		p := extensionParser{rest: line}
		for {
			ext, err := p.extension()
			if err != nil || len(list) == maxExtensions {
				return nil, errExtensions
			}
			list = append(list, ext)
			if !p.accept(',') {
				break
			}
		}
		if p.rest != "" {
			return nil, errExtensions
		}
	}
	return list, nil
}

type extensionParser struct{ rest string }

func (p *extensionParser) space() { p.rest = strings.TrimLeft(p.rest, " \t") }

// accept skips c, and the white space around it, when it is next.
func (p *extensionParser) accept(c byte) bool {
	p.space()
	if p.rest == "" || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	p.space()
	return true
}

func (p *extensionParser) token() (string, error) {
	p.space()
	n := 0
	for n < len(p.rest) && isTokenByte(p.rest[n]) {
		n++
	}
	if n == 0 {
		return "", errExtensions
	}
	token := p.rest[:n]
	p.rest = p.rest[n:]
	return token, nil
}

func (p *extensionParser) extension() (ext Extension, err error) {
	if ext.Name, err = p.token(); err != nil {
		return ext, err
	}
	for p.accept(';') {
		var param Param
		if param.Name, err = p.token(); err != nil || len(ext.Params) == maxExtensions {
			return ext, errExtensions
		}
		if p.accept('=') {
			param.HasValue = true
			if param.Value, err = p.value(); err != nil {
				return ext, err
			}
		}
		ext.Params = append(ext.Params, param)
	}
	return ext, nil
}

// value parses a token, or a quoted string that holds one (RFC 6455, Section
// 9.1: after unescaping the value MUST conform to token).
func (p *extensionParser) value() (string, error) {
	if !strings.HasPrefix(p.rest, `"`) {
		return p.token()
	}
	var b strings.Builder
	for i := 1; i < len(p.rest); i++ {
		switch c := p.rest[i]; c {
		case '"':
			p.rest = p.rest[i+1:]
			if s := b.String(); IsToken(s) {
				return s, nil
			}
			return "", errExtensions
		case '\\':
			if i++; i == len(p.rest) {
				return "", errExtensions
			}
			b.WriteByte(p.rest[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", errExtensions
}
