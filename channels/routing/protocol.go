package routing

import (
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/sluicehq/sluice/channels"
)

// A ProtocolTypeRouter hands a request to the handler of its protocol. Its keys
// are "http" and "websocket": an opening handshake over HTTP/1.1 (RFC 6455,
// Section 4.1) and one over HTTP/2 (RFC 8441, Section 5) are both "websocket",
// everything else is "http". A protocol without a key is answered with 404.
//
// Any other key, or a nil handler, is a mistake in the wiring: the first request
// panics and says so. A protocol that is not HTTP needs no key here: its server
// is started with [channels.Server.Serve], with a handler of its own.
type ProtocolTypeRouter map[string]http.Handler

// ServeHTTP implements [http.Handler].
func (p ProtocolTypeRouter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.check()
	scope, r := channels.EnsureScope(r)
	h, ok := p[scope.Protocol()]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h.ServeHTTP(w, r)
}

// check panics with an explanation if p was put together wrongly. A map has no
// constructor that could do it earlier.
func (p ProtocolTypeRouter) check() {
	known := 0
	for _, protocol := range [...]string{"http", "websocket"} {
		h, ok := p[protocol]
		if !ok {
			continue
		}
		if h == nil {
			panic(fmt.Sprintf("routing: ProtocolTypeRouter: the handler of %q is nil; leave the key out to answer 404", protocol))
		}
		known++
	}
	if known == len(p) {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(p)) {
		if key != "http" && key != "websocket" {
			panic(fmt.Sprintf("routing: ProtocolTypeRouter: unknown key %q; the keys are \"http\" and \"websocket\", "+
				"and a protocol that is not HTTP is served by channels.Server.Serve", key))
		}
	}
}
