package handshake

import (
	"errors"
	"strconv"
)

// Deflate is what two ends agree on for permessage-deflate (RFC 7692, Section 7.1).
// The bits are those of a window's size, 8 to 15.
type Deflate struct {
	ServerNoTakeover, ClientNoTakeover bool
	ServerBits, ClientBits             int
}

const (
	permessageDeflate = "permessage-deflate"

	serverNoTakeover = "server_no_context_takeover"
	clientNoTakeover = "client_no_context_takeover"
	serverBits       = "server_max_window_bits"
	clientBits       = "client_max_window_bits"

	minBits, maxBits = 8, 15
)

// A deflateOffer is the parameters of one element of the field. Bits are 0 where
// the parameter is missing, and anyBits where it has no value.
type deflateOffer struct {
	serverNoTakeover, clientNoTakeover bool
	serverBits, clientBits             int
}

const anyBits = -1

var errDeflate = errors.New("invalid permessage-deflate parameters")

// parseDeflate parses the parameters. One that is unknown, occurs twice or has an
// invalid value is an error: an offer with it is declined (RFC 7692, Section 7.1).
func parseDeflate(params []Param) (o deflateOffer, err error) {
	seen := make(map[string]bool, len(params))
	for _, p := range params {
		if seen[p.Name] {
			return o, errDeflate
		}
		seen[p.Name] = true
		switch p.Name {
		case serverNoTakeover:
			o.serverNoTakeover = true
		case clientNoTakeover:
			o.clientNoTakeover = true
		case serverBits, clientBits:
			bits, ok := parseBits(p)
			// RFC 7692, Section 7.1.2.2: only client_max_window_bits may be
			// without a value, and only in an offer.
			if !ok || bits == anyBits && p.Name == serverBits {
				return o, errDeflate
			}
			if p.Name == serverBits {
				o.serverBits = bits
			} else {
				o.clientBits = bits
			}
			continue
		default:
			return o, errDeflate
		}
		if p.HasValue {
			return o, errDeflate
		}
	}
	return o, nil
}

// parseBits parses a decimal from 8 to 15 without leading zeros.
func parseBits(p Param) (int, bool) {
	if !p.HasValue {
		return anyBits, true
	}
	n, err := strconv.Atoi(p.Value)
	return n, err == nil && n >= minBits && n <= maxBits && strconv.Itoa(n) == p.Value
}

// AcceptDeflate chooses the first offer of permessage-deflate that is valid, and
// returns what is agreed on and the value of the response's field. Takeover says
// whether windows may be kept between messages; then none is larger than bits. Ok is
// false when there is no such offer.
func AcceptDeflate(offers []Extension, takeover bool, bits int) (d Deflate, response string, ok bool) {
	for _, ext := range offers {
		if ext.Name != permessageDeflate {
			continue
		}
		o, err := parseDeflate(ext.Params)
		if err != nil {
			continue
		}
		d, response = acceptOffer(o, takeover, bits)
		return d, response, true
	}
	return Deflate{}, "", false
}

func acceptOffer(o deflateOffer, takeover bool, bits int) (Deflate, string) {
	d := Deflate{
		ServerNoTakeover: o.serverNoTakeover || !takeover,
		ClientNoTakeover: o.clientNoTakeover || !takeover,
		ServerBits:       maxBits, ClientBits: maxBits,
	}
	response := permessageDeflate
	// RFC 7692, Section 7.1.2.1: the server may choose a smaller window than was
	// asked for, also when none was. One that is not kept costs nothing.
	if o.serverBits > 0 {
		d.ServerBits = o.serverBits
	}
	if !d.ServerNoTakeover {
		d.ServerBits = min(d.ServerBits, bits)
	}
	// Section 7.1.2.2: the client's window may be bounded only when it said that it
	// understands. Otherwise it is not kept, rather than 32 KiB for each client.
	switch {
	case d.ClientNoTakeover:
	case o.clientBits == 0:
		d.ClientNoTakeover = true
	case o.clientBits == anyBits:
		d.ClientBits = bits
	default:
		d.ClientBits = min(o.clientBits, bits)
	}
	if d.ServerNoTakeover {
		response += "; " + serverNoTakeover
	}
	if d.ClientNoTakeover {
		response += "; " + clientNoTakeover
	}
	// Section 7.1.2.1: the parameter in an offer is accepted by answering it.
	if o.serverBits > 0 || d.ServerBits < maxBits {
		response += "; " + serverBits + "=" + strconv.Itoa(d.ServerBits)
	}
	if d.ClientBits < maxBits && o.clientBits != 0 {
		response += "; " + clientBits + "=" + strconv.Itoa(d.ClientBits)
	}
	return d, response
}

// OfferDeflate returns a client's offer.
func OfferDeflate(takeover bool, bits int) string {
	if !takeover {
		return permessageDeflate + "; " + serverNoTakeover + "; " + clientNoTakeover
	}
	return permessageDeflate + "; " + serverBits + "=" + strconv.Itoa(bits) + "; " + clientBits
}

// CheckDeflate parses a server's response to OfferDeflate. Anything that was not
// offered MUST fail the connection (RFC 7692, Section 7.1).
func CheckDeflate(lines []string, takeover bool, bits int) (Deflate, error) {
	list, err := Extensions(lines)
	if err != nil {
		return Deflate{}, err
	}
	if len(list) != 1 || list[0].Name != permessageDeflate {
		return Deflate{}, errors.New("the response has an extension that was not offered")
	}
	o, err := parseDeflate(list[0].Params)
	if err != nil {
		return Deflate{}, err
	}
	d := Deflate{o.serverNoTakeover, o.clientNoTakeover, maxBits, maxBits}
	if o.serverBits > 0 {
		d.ServerBits = o.serverBits
	}
	if o.clientBits > 0 {
		d.ClientBits = o.clientBits
	}
	switch {
	case o.clientBits == anyBits:
		return Deflate{}, errDeflate
	case !takeover && (!o.serverNoTakeover || o.clientBits != 0),
		takeover && (o.serverBits == 0 || o.serverBits > bits):
		return Deflate{}, errors.New("the response does not accept the offer of permessage-deflate")
	}
	if !takeover {
		d.ClientNoTakeover = true
	}
	d.ClientBits = min(d.ClientBits, bits)
	return d, nil
}
