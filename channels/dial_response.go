package channels

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/sluicehq/sluice/channels/internal/handshake"
)

// Bounds of what is read of a server's or a proxy's answer: the header, the body when
// a server refuses, and the responses, of which all but the last are informational.
const (
	maxResponseHeader = 64 << 10
	maxResponseBody   = 4 << 10
	maxResponses      = 5
)

// readResponse reads the final response: a few informational ones may precede it.
// What has been read beyond is in the reader. An error has nothing of the response
// in it, which may repeat the request's secrets.
func readResponse(nc net.Conn, req *http.Request) (*http.Response, *bufio.Reader, error) {
	in := &responseReader{nc: nc, left: maxResponseHeader}
	br := bufio.NewReader(in)
	for range maxResponses {
		resp, err := http.ReadResponse(br, req)
		switch {
		case err != nil && in.err == io.EOF:
			return nil, nil, io.ErrUnexpectedEOF
		case err != nil && in.err != nil:
			return nil, nil, in.err
		case err != nil:
			return nil, nil, errors.New("malformed response")
		case resp.StatusCode/100 != 1 || resp.StatusCode == http.StatusSwitchingProtocols:
			return resp, br, nil
		}
	}
	return nil, nil, errors.New("too many informational responses")
}

// A responseReader bounds what is read, and keeps the error that ended it.
type responseReader struct {
	nc   net.Conn
	left int
	err  error
}

func (r *responseReader) Read(p []byte) (n int, err error) {
	if r.left == 0 {
		r.err = errors.New("the response's header is too large")
		return 0, r.err
	}
	n, r.err = r.nc.Read(p[:min(len(p), r.left)])
	r.left -= n
	return n, r.err
}

// checkResponse validates the server's handshake (RFC 6455, Section 4.1, the list
// that follows "Once a client's opening handshake has been sent").
func (d *dialer) checkResponse(resp *http.Response, key string) (*flate, error) {
	h := resp.Header
	switch accept := h["Sec-Websocket-Accept"]; {
	case resp.StatusCode != http.StatusSwitchingProtocols:
		return nil, fmt.Errorf("the server answered %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	case len(h["Upgrade"]) != 1 || !strings.EqualFold(h["Upgrade"][0], "websocket"):
		return nil, errors.New("the response has no Upgrade to websocket")
	case !handshake.HasToken(h["Connection"], "upgrade"):
		return nil, errors.New("the response has no Connection: Upgrade")
	case len(accept) != 1 || accept[0] != handshake.Accept(key):
		return nil, errors.New("the response has a wrong Sec-WebSocket-Accept")
	}
	// A subprotocol that was not offered MUST fail the connection.
	if p := h["Sec-Websocket-Protocol"]; len(p) > 1 || len(p) == 1 && !slices.Contains(d.opts.Subprotocols, p[0]) {
		return nil, errors.New("the response has a subprotocol that was not offered")
	}
	// So MUST an extension.
	return d.opts.Compression.agreed(h["Sec-Websocket-Extensions"])
}
