package conform

import (
	"strings"
	"time"
)

// clientNegotiationCases is RFC 7692, Section 7.1, for clients: what a server may
// answer, and what has to be refused.
func clientNegotiationCases() []Case {
	all := combinations([]string{"", "client_max_window_bits=9", "client_max_window_bits=15"}, func(name string, params []string) Case {
		return Case{
			Name: "7692/7.1 answer " + name,
			Rule: "a valid answer is accepted, and both ends keep to it",
			bare: true,
			play: func(p *peer) error {
				if err := p.readRequest(); err != nil {
					return err
				}
				if _, err := p.clientOffer(); err != nil {
					return err
				}
				h := p.answer()
				if err := p.agreeOn(h, strings.Join(append([]string{"permessage-deflate"}, params...), "; ")); err != nil {
					return err
				}
				p.respond(h)
				p.out.rest(time.Millisecond)
				return talks(p)
			},
		}
	})
	for _, n := range []named{
		{"twice", "permessage-deflate, permessage-deflate"},
		{"an unknown parameter", "permessage-deflate; unknown"},
		{"server_no_context_takeover with a value", "permessage-deflate; server_no_context_takeover=1"},
		{"client_no_context_takeover with a value", "permessage-deflate; client_no_context_takeover=1"},
		{"server_no_context_takeover twice", "permessage-deflate; server_no_context_takeover; server_no_context_takeover"},
		{"client_no_context_takeover twice", "permessage-deflate; client_no_context_takeover; client_no_context_takeover"},
		{"server_max_window_bits without a value", "permessage-deflate; server_max_window_bits"},
		{"server_max_window_bits=7", "permessage-deflate; server_max_window_bits=7"},
		{"server_max_window_bits=16", "permessage-deflate; server_max_window_bits=16"},
		{"server_max_window_bits=010", "permessage-deflate; server_max_window_bits=010"},
		{"client_max_window_bits without a value", "permessage-deflate; client_max_window_bits"},
		{"client_max_window_bits=7", "permessage-deflate; client_max_window_bits=7"},
		{"client_max_window_bits=16", "permessage-deflate; client_max_window_bits=16"},
		{"client_max_window_bits=ten", "permessage-deflate; client_max_window_bits=ten"},
		{"an empty parameter", "permessage-deflate;"},
		{"a quote that is not closed", `permessage-deflate; server_max_window_bits="10`},
		{"another name", "permessage-deflate2"},
	} {
		all = append(all, badAnswer(n.name, n.text))
	}
	return append(all,
		unofferedCase("6455/9.1 permessage-deflate that was not offered", func(offer *agreement) string {
			if offer == nil {
				return "permessage-deflate"
			}
			return ""
		}),
		unofferedCase("7692/7.1 client_max_window_bits that was not offered", func(offer *agreement) string {
			if offer == nil || offer.clientBitsThere {
				return ""
			}
			return offer.plainAnswer() + "; client_max_window_bits=15"
		}),
		unofferedCase("7692/7.1 server_no_context_takeover that is not confirmed", func(offer *agreement) string {
			if offer == nil || !offer.serverNoTakeover {
				return ""
			}
			return strings.Replace(offer.plainAnswer(), "; server_no_context_takeover", "", 1)
		}),
	)
}

// badAnswer is an answer that no offer of permessage-deflate allows.
func badAnswer(name, answer string) Case {
	return Case{
		Name: "7692/7.1 bad answer, " + name,
		Rule: "an answer that does not fit the offer fails the connection",
		bare: true,
		play: func(p *peer) error {
			if err := p.readRequest(); err != nil {
				return err
			}
			h := p.answer()
			h.set("Sec-WebSocket-Extensions", answer)
			p.respond(h)
			return p.wantDisconnect()
		},
	}
}

// unofferedCase is an answer that is wrong for some offers; "" for the others.
func unofferedCase(name string, answer func(offer *agreement) string) Case {
	return Case{
		Name: name,
		Rule: "an answer that does not fit the offer fails the connection",
		bare: true,
		play: func(p *peer) error {
			if err := p.readRequest(); err != nil {
				return err
			}
			wrong := answer(firstOffer(p.client.request))
			if wrong == "" {
				return declined("the client's offer allows it")
			}
			h := p.answer()
			h.set("Sec-WebSocket-Extensions", wrong)
			p.respond(h)
			return p.wantDisconnect()
		},
	}
}
