package conform

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// An extension is an element of Sec-WebSocket-Extensions.
type extension struct {
	name   string
	params []param
}

type param struct {
	name, value string
	valued      bool // there is a "=", and a value behind it
}

// parseExtensions reads the header by the grammar of RFC 6455, Section 9.1. A
// value may be a quoted string, which must then be a token inside.
func parseExtensions(lines []string) ([]extension, error) {
	var all []extension
	for _, line := range lines {
		for rest := line; ; {
			var e extension
			var err error
			if e, rest, err = parseExtension(rest); err != nil {
				return nil, fmt.Errorf("Sec-WebSocket-Extensions %q: %w", line, err)
			}
			all = append(all, e)
			if rest == "" {
				break
			}
			rest = rest[1:] // the comma
		}
	}
	return all, nil
}

// parseExtension reads up to a comma or the end.
func parseExtension(s string) (e extension, rest string, err error) {
	if e.name, s, err = takeToken(s); err != nil {
		return e, s, err
	}
	for strings.HasPrefix(s, ";") {
		var p param
		if p.name, s, err = takeToken(s[1:]); err != nil {
			return e, s, err
		}
		if strings.HasPrefix(s, "=") {
			p.valued = true
			if p.value, s, err = takeValue(s[1:]); err != nil {
				return e, s, err
			}
		}
		e.params = append(e.params, p)
	}
	if s != "" && s[0] != ',' {
		return e, s, fmt.Errorf("unexpected %q", s)
	}
	return e, s, nil
}

func takeToken(s string) (token, rest string, err error) {
	s = strings.TrimLeft(s, " \t")
	n := 0
	for n < len(s) && isToken(s[n:n+1]) {
		n++
	}
	if n == 0 {
		return "", s, errors.New("a token is missing")
	}
	return s[:n], strings.TrimLeft(s[n:], " \t"), nil
}

func takeValue(s string) (value, rest string, err error) {
	s = strings.TrimLeft(s, " \t")
	if !strings.HasPrefix(s, `"`) {
		return takeToken(s)
	}
	inside, rest, ok := strings.Cut(s[1:], `"`)
	if !ok || !isToken(inside) {
		return "", s, errors.New("a quoted value that is no token")
	}
	return inside, strings.TrimLeft(rest, " \t"), nil
}

// An agreement is a set of permessage-deflate parameters: of an offer or of an
// answer to one (RFC 7692, Section 7.1).
type agreement struct {
	serverNoTakeover bool
	clientNoTakeover bool
	serverBits       int // 0: not there
	clientBits       int // 0: not there, or there without a value
	clientBitsThere  bool
}

// parseDeflate reads the parameters of an offer or of an answer. It refuses what
// RFC 7692, Section 7.1, says to decline: unknown names, bad values, repetitions.
func parseDeflate(e extension, answer bool) (*agreement, error) {
	if e.name != "permessage-deflate" {
		return nil, fmt.Errorf("the extension %q", e.name)
	}
	a := &agreement{}
	for i, p := range e.params {
		if slices.ContainsFunc(e.params[:i], func(q param) bool { return q.name == p.name }) {
			return nil, fmt.Errorf("%s twice", p.name)
		}
		var err error
		switch p.name {
		case "server_no_context_takeover":
			a.serverNoTakeover, err = true, noValue(p)
		case "client_no_context_takeover":
			a.clientNoTakeover, err = true, noValue(p)
		case "server_max_window_bits":
			a.serverBits, err = windowBits(p)
		case "client_max_window_bits":
			a.clientBitsThere = true
			if p.valued || answer {
				a.clientBits, err = windowBits(p)
			}
		default:
			err = fmt.Errorf("the parameter %q", p.name)
		}
		if err != nil {
			return nil, err
		}
	}
	return a, nil
}

func noValue(p param) error {
	if p.valued {
		return fmt.Errorf("%s with a value", p.name)
	}
	return nil
}

// windowBits reads a number from 8 to 15 without leading zeros (RFC 7692, Section
// 7.1.2).
func windowBits(p param) (int, error) {
	for n, s := range []string{"8", "9", "10", "11", "12", "13", "14", "15"} {
		if p.value == s {
			return n + 8, nil
		}
	}
	return 0, fmt.Errorf("%s=%q", p.name, p.value)
}

// fits says why answer does not accept offer, or nil (RFC 7692, Section 7.1).
func (answer *agreement) fits(offer *agreement) error {
	switch {
	case offer.serverNoTakeover && !answer.serverNoTakeover:
		return errors.New("server_no_context_takeover was offered and is not in the answer")
	case offer.serverBits != 0 && answer.serverBits == 0:
		return errors.New("server_max_window_bits was offered and is not in the answer")
	case offer.serverBits != 0 && answer.serverBits > offer.serverBits:
		return errors.New("server_max_window_bits is larger than what was offered")
	case answer.clientBitsThere && !offer.clientBitsThere:
		return errors.New("client_max_window_bits was not offered")
	case offer.clientBits != 0 && answer.clientBits > offer.clientBits:
		return errors.New("client_max_window_bits is larger than what was offered")
	}
	return nil
}

// agree finds what an answer accepts among the offers, and the answer: nil when
// there is none.
func agree(offered, answered []string) (offer, answer *agreement, err error) {
	answers, err := parseExtensions(answered)
	if err != nil || len(answers) == 0 {
		return nil, nil, err
	}
	if len(answers) > 1 {
		return nil, nil, errors.New("more than one extension in the answer")
	}
	if answer, err = parseDeflate(answers[0], true); err != nil {
		return nil, nil, err
	}
	why := errors.New("it was not offered")
	offers, _ := parseExtensions(offered) // what cannot be read is no offer
	for _, e := range offers {
		offer, err := parseDeflate(e, false)
		if err != nil {
			continue
		}
		if why = answer.fits(offer); why == nil {
			return offer, answer, nil
		}
	}
	return nil, nil, why
}

func (a *agreement) clientWindow() int { return 1 << bitsOr15(a.clientBits) }
func (a *agreement) serverWindow() int { return 1 << bitsOr15(a.serverBits) }

func bitsOr15(n int) int {
	if n == 0 {
		return 15
	}
	return n
}
