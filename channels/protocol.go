package channels

import (
	"net/http"

	"github.com/sluicehq/sluice/channels/internal/handshake"
)

// requestProtocol returns "websocket" for an opening handshake, over HTTP/1.1
// (RFC 6455, Section 4.1) or HTTP/2 (RFC 8441, Section 5), well-formed or not,
// and "http" for anything else.
func requestProtocol(r *http.Request) string {
	if extendedConnect(r) || handshake.HasToken(r.Header["Upgrade"], "websocket") {
		return "websocket"
	}
	return "http"
}
