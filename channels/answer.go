package channels

import (
	"bytes"
	"net/http"
	"reflect"
	"slices"

	"github.com/sluicehq/sluice/channels/internal/handshake"
)

// An answer is what a valid handshake is answered with (RFC 6455, Section 4.2.2).
type answer struct {
	key         string // the client's; HTTP/2 has none
	subprotocol *string
	extensions  string
	flate       *flate
}

// answer chooses among what the client offers.
func (u *Upgrader) answer(r *http.Request) (a answer, err error) {
	a.key = r.Header.Get("Sec-Websocket-Key")
	offered, err := handshake.Subprotocols(r.Header["Sec-Websocket-Protocol"])
	if err != nil {
		return a, err
	}
	// The first of the server's that was offered. They are compared with regard to
	// case.
	for i, s := range u.Subprotocols {
		if slices.Contains(offered, s) {
			a.subprotocol = &u.Subprotocols[i]
			break
		}
	}
	a.flate, a.extensions, err = u.Compression.accept(r.Header["Sec-Websocket-Extensions"])
	return a, err
}

// Header values that every response has. They are shared: nothing writes to a
// slice that is in a Header.
var (
	websocketToken = []string{"websocket"}
	upgradeToken   = []string{"Upgrade"}
)

// writeHeader sends the answer through w: every middleware sees the 101, and may
// still add a field.
func (a *answer) writeHeader(w http.ResponseWriter) {
	h := w.Header()
	h["Upgrade"] = websocketToken
	h["Connection"] = upgradeToken
	h["Sec-Websocket-Accept"] = []string{handshake.Accept(a.key)}
	a.setFields(h)
	w.WriteHeader(http.StatusSwitchingProtocols)
}

// setFields sets what was agreed on.
func (a *answer) setFields(h http.Header) {
	if a.subprotocol != nil {
		h["Sec-Websocket-Protocol"] = []string{*a.subprotocol}
	}
	if a.extensions != "" {
		h["Sec-Websocket-Extensions"] = []string{a.extensions}
	}
}

// A Switcher is a ResponseWriter around another, with an Unwrap method, that does
// something before the header is written but does not look at it: the writers of this
// module's wrappers are. When there are only such ones between [Server.Accept] and
// net/http's own writer, SwitchProtocols is called in place of WriteHeader(101), and
// the answer is written to the connection itself, which saves about a quarter of what a
// handshake costs. After an error the response has been answered.
type Switcher interface {
	http.ResponseWriter
	SwitchProtocols() error
}

// switchProtocols calls the switchers, outermost first, if there is nothing else
// around net/http's writer. Direct is false when there is.
func switchProtocols(w http.ResponseWriter) (direct bool, err error) {
	at := w
	for {
		s, ok := at.(unwrapper)
		if !ok {
			break
		}
		at = s.Unwrap()
	}
	if !isServers(at) {
		return false, nil
	}
	for at := w; ; {
		s, ok := at.(unwrapper)
		if !ok {
			return true, nil
		}
		if err := s.SwitchProtocols(); err != nil {
			return true, err
		}
		at = s.Unwrap()
	}
}

// An unwrapper is a Switcher whose Unwrap method says what it is around.
type unwrapper interface {
	Switcher
	Unwrap() http.ResponseWriter
}

// isServers reports whether w is net/http's own writer for HTTP/1.
func isServers(w http.ResponseWriter) bool {
	t := reflect.TypeOf(w)
	return t.Kind() == reflect.Pointer && t.Elem().Name() == "response" && t.Elem().PkgPath() == "net/http"
}

// answerFields are the header fields that writeAnswer writes itself, and those that
// a 101 does not have.
var answerFields = map[string]bool{
	"Upgrade": true, "Connection": true, "Content-Length": true, "Transfer-Encoding": true,
	"Sec-Websocket-Accept": true, "Sec-Websocket-Protocol": true, "Sec-Websocket-Extensions": true,
}

// writeAnswer writes the answer, with the fields of h, in one write.
func (c *Conn) writeAnswer(a answer, h http.Header) error {
	wb := getWriteBuffer()
	defer putWriteBuffer(wb)
	b := append(wb.b, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "...)
	b = handshake.AppendAccept(b, a.key)
	if a.subprotocol != nil {
		b = append(append(b, "\r\nSec-WebSocket-Protocol: "...), *a.subprotocol...)
	}
	if a.extensions != "" {
		b = append(append(b, "\r\nSec-WebSocket-Extensions: "...), a.extensions...)
	}
	b = append(b, "\r\n"...)
	if len(h) > 0 {
		buf := bytes.NewBuffer(b)
		h.WriteSubset(buf, answerFields) // which lets no line break through
		b = buf.Bytes()
	}
	return c.write(append(b, "\r\n"...))
}
