package conform

import (
	"fmt"
	"slices"
	"strings"
)

// talks is a conversation that shows whether both ends keep to what they have
// agreed: it repeats itself within and across messages, near and far.
func talks(p *peer) error {
	again := string(noise(300))
	for _, plain := range []string{"Hello", "Hello", "", again, repeat("Hello ", 100), again, letters(3000),
		beyond(p.agreed.clientWindow()), beyond(p.agreed.serverWindow()), "Hello"} {
		if limit := p.suite.MessageLimit; limit > 0 && int64(len(plain)) > limit {
			continue
		}
		p.send(packed(opBinary, plain, p.deflate.message([]byte(plain))))
		p.send(binaryFrame([]byte(plain)))
		if err := settles(p); err != nil {
			return err
		}
	}
	return finishes(p)
}

// beyond is a text that repeats its beginning where a window of n bytes just does
// not reach it. What is between compresses well, so that compressors keep looking.
// The largest window is as far as any match can reach: there it is just a text.
func beyond(n int) string {
	start := string(noise(300))
	if n == 32768 {
		return start
	}
	var between strings.Builder
	for _, b := range noise(n / 16) {
		between.WriteString(repeat(string(rune(b&0x7F)), 16))
	}
	return start + between.String() + start
}

// offered makes a case of extension offers in one header field or several. Where
// the server accepts, the answer has to fit and the connection has to work by it.
// One that declines has nothing to show for a valid offer, and is right about one
// that is not.
func offered(name, rule string, valid bool, lines ...string) Case {
	return Case{Name: name, Rule: rule, bare: true, play: func(p *peer) error {
		r := p.request()
		r.set("Sec-WebSocket-Extensions", lines...)
		answer, status, err := p.exchange(r)
		if err != nil {
			return err
		}
		if !valid && (status == 400 || status == 426) {
			return nil
		}
		if err := p.accepted(r, answer, status); err != nil {
			return err
		}
		if p.agreed != nil {
			return talks(p)
		}
		if err := steps(sends(text("Hello")), settles, finishes)(p); err != nil || !valid {
			return err
		}
		return p.notAgreed(lines...)
	}}
}

// serverNegotiationCases is RFC 7692, Sections 5 and 7.1, and RFC 6455, Section 9.
func serverNegotiationCases() []Case {
	all := combinations([]string{"", "client_max_window_bits", "client_max_window_bits=9", "client_max_window_bits=15"}, func(name string, params []string) Case {
		return offered("7692/7.1 offer "+name, "the answer fits the offer, and both ends keep to it", true,
			strings.Join(append([]string{"permessage-deflate"}, params...), "; "))
	})
	return slices.Concat(all, severalOffers(), brokenOffers())
}

// combinations makes a case for each set of parameters.
func combinations(clientBits []string, build func(name string, params []string) Case) []Case {
	var all []Case
	add := func(params ...string) {
		params = slices.DeleteFunc(params, func(s string) bool { return s == "" })
		name := strings.Join(params, "; ")
		if name == "" {
			name = "without parameters"
		}
		all = append(all, build(name, params))
	}
	for _, server := range []string{"", "server_no_context_takeover"} {
		for _, client := range []string{"", "client_no_context_takeover"} {
			for _, serverBits := range []string{"", "server_max_window_bits=9", "server_max_window_bits=15"} {
				for _, bits := range clientBits {
					add(server, client, serverBits, bits)
				}
			}
		}
	}
	for _, bits := range []int{8, 10, 11, 12, 13, 14} {
		add(fmt.Sprintf("server_max_window_bits=%d", bits))
		add(fmt.Sprintf("client_max_window_bits=%d", bits))
		add(fmt.Sprintf("server_max_window_bits=%d", bits), fmt.Sprintf("client_max_window_bits=%d", bits))
	}
	return all
}

// severalOffers: the order is one of preference; an offer that cannot be accepted
// does not spoil the next.
func severalOffers() []Case {
	// H32: a server may also fail the handshake for an offer that is not valid.
	const rule = "the answer accepts one of the offers, by that offer's parameters"
	const deflate = "permessage-deflate"
	several := func(name string, lines ...string) Case { return offered("7692/5 offers "+name, rule, true, lines...) }
	return []Case{
		several("in one field", "permessage-deflate; server_max_window_bits=10, permessage-deflate"),
		several("in two fields", "permessage-deflate; server_max_window_bits=10", deflate),
		several("that are the same", deflate, deflate, deflate),
		several("without spaces", "permessage-deflate;server_no_context_takeover,permessage-deflate"),
		several("with spaces and tabs", "  permessage-deflate \t;\tserver_no_context_takeover  ,  permessage-deflate  "),
		several("behind an unknown extension", "x-unknown; a=b; c, permessage-deflate"),
		several("behind an unknown extension in another field", "x-unknown; a=\"b\"", deflate),
		several("before an unknown extension", "permessage-deflate, x-unknown"),
		several("behind an older one", "x-webkit-deflate-frame, permessage-deflate"),
		several("first with an unknown parameter", "permessage-deflate; unknown, permessage-deflate").orRefusal(400),
		several("first with a bad value", "permessage-deflate; server_max_window_bits=99, permessage-deflate").orRefusal(400),
		several("first with a parameter twice", "permessage-deflate; server_no_context_takeover; server_no_context_takeover, permessage-deflate").orRefusal(400),
		several("from the best to the simplest", "permessage-deflate; server_max_window_bits=9; client_max_window_bits=9, "+
			"permessage-deflate; server_no_context_takeover; client_no_context_takeover, permessage-deflate"),
		several("with parameters in another order", "permessage-deflate; client_max_window_bits; client_no_context_takeover; server_no_context_takeover"),
		several("with a quoted value", `permessage-deflate; client_max_window_bits="10"`),
	}
}

// brokenOffers: H31, H32. They are declined, or the handshake is refused.
func brokenOffers() []Case {
	const rule = "an offer that is not valid is declined"
	var all []Case
	for _, n := range []named{
		{"server_max_window_bits without a value", "server_max_window_bits"},
		{"server_max_window_bits=7", "server_max_window_bits=7"},
		{"server_max_window_bits=16", "server_max_window_bits=16"},
		{"server_max_window_bits=0", "server_max_window_bits=0"},
		{"server_max_window_bits=99", "server_max_window_bits=99"},
		{"server_max_window_bits=010", "server_max_window_bits=010"},
		{"server_max_window_bits=+10", "server_max_window_bits=+10"},
		{"server_max_window_bits=-10", "server_max_window_bits=-10"},
		{"server_max_window_bits=1e1", "server_max_window_bits=1e1"},
		{"server_max_window_bits=ten", "server_max_window_bits=ten"},
		{"server_max_window_bits of many digits", "server_max_window_bits=18446744073709551626"},
		{"server_max_window_bits twice", "server_max_window_bits=8; server_max_window_bits=8"},
		{"client_max_window_bits=7", "client_max_window_bits=7"},
		{"client_max_window_bits=16", "client_max_window_bits=16"},
		{"client_max_window_bits=0", "client_max_window_bits=0"},
		{"client_max_window_bits=010", "client_max_window_bits=010"},
		{"client_max_window_bits=ten", "client_max_window_bits=ten"},
		{"client_max_window_bits twice", "client_max_window_bits; client_max_window_bits=10"},
		{"server_no_context_takeover with a value", "server_no_context_takeover=1"},
		{"server_no_context_takeover with a quoted value", `server_no_context_takeover="true"`},
		{"server_no_context_takeover twice", "server_no_context_takeover; server_no_context_takeover"},
		{"client_no_context_takeover with a value", "client_no_context_takeover=true"},
		{"client_no_context_takeover twice", "client_no_context_takeover; client_no_context_takeover"},
		{"an unknown parameter", "unknown"},
		{"an unknown parameter with a value", "unknown=1"},
		{"an unknown parameter among known ones", "server_no_context_takeover; unknown; client_no_context_takeover"},
		{"an empty parameter", ""},
		{"two semicolons", "; client_max_window_bits"},
		{"a value that is missing", "server_max_window_bits="},
		{"a quote that is not closed", `server_max_window_bits="10`},
		{"a space in a name", "server max window bits=10"},
	} {
		all = append(all, offered("7692/7.1 bad offer, "+n.name, rule, false, "permessage-deflate; "+n.text))
	}
	for _, n := range []named{
		{"nothing", ""},
		{"a comma", ","},
		{"a semicolon", ";"},
		{"constructor and a quote", `constructor; __proto__="`},
		{"no name", "; server_no_context_takeover"},
		{"a longer name", "permessage-deflate2"},
		{"a part of the name", "permessage"},
		{"an older extension alone", "x-webkit-deflate-frame"},
		{"bytes that are no token", "\x01\x7f"},
		{"10 000 semicolons", strings.Repeat(";", 10_000)},
		{"10 000 commas", strings.Repeat(",", 10_000)},
		{"a thousand unknown extensions", strings.TrimSuffix(strings.Repeat("x-unknown; a=1, ", 1000), ", ")},
	} {
		all = append(all, offered("6455/9.1 bad extensions, "+n.name, "what cannot be understood is declined", false, n.text))
	}
	return all
}
