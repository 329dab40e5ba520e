// Package gateway lets clients that speak WebSocket over HTTP/1.1 talk to a server
// over HTTP/2 (RFC 8441), for tests: it turns each opening handshake into an extended
// CONNECT on one shared connection, as a reverse proxy would.
package gateway

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/sluicehq/sluice/channels/internal/handshake"
)

// Serve accepts clients of HTTP/1.1 from l until it is closed, and passes them on to
// the HTTP/2 server on nc, without TLS. It returns when everybody has gone.
func Serve(l net.Listener, nc net.Conn) error {
	h2, err := newClient(nc)
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	for {
		down, err := l.Accept()
		if err != nil {
			nc.Close()
			wg.Wait()
			return h2.wait()
		}
		wg.Go(func() { forward(down, h2) })
	}
}

// forward serves one client.
func forward(down net.Conn, h2 *client) {
	defer down.Close()
	br := bufio.NewReader(down)
	r, err := http.ReadRequest(br)
	if err != nil {
		return
	}
	up, status, fields, err := h2.connect(r)
	if err != nil {
		fmt.Fprintf(down, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
		return
	}
	if status != http.StatusOK {
		body, _ := io.ReadAll(up)
		fmt.Fprintf(down, "HTTP/1.1 %d %s\r\n%sContent-Length: %d\r\n\r\n%s", status, http.StatusText(status), lines(fields), len(body), body)
		return
	}
	fmt.Fprintf(down, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n%s\r\n",
		handshake.Accept(r.Header.Get("Sec-WebSocket-Key")), lines(fields))
	var wg sync.WaitGroup
	wg.Go(func() {
		io.Copy(up, br)
		up.Close() // ends our direction
	})
	io.Copy(down, up)
	down.Close()
	wg.Wait()
}

// lines writes the fields that HTTP/1.1 has, too.
func lines(fields []field) string {
	var b strings.Builder
	for _, f := range fields {
		if !strings.HasPrefix(f.Name, ":") && f.Name != "content-length" {
			b.WriteString(http.CanonicalHeaderKey(f.Name) + ": " + f.Value + "\r\n")
		}
	}
	return b.String()
}

// requestFields are those of the extended CONNECT that r becomes.
func requestFields(r *http.Request) []field {
	fs := []field{
		{Name: ":method", Value: http.MethodConnect},
		{Name: ":protocol", Value: "websocket"},
		{Name: ":scheme", Value: "http"},
		{Name: ":path", Value: r.URL.RequestURI()},
		{Name: ":authority", Value: r.Host},
	}
	for name, values := range r.Header {
		switch name {
		case "Connection", "Upgrade", "Sec-Websocket-Key":
			continue
		}
		for _, v := range values {
			fs = append(fs, field{Name: strings.ToLower(name), Value: v})
		}
	}
	return fs
}

func statusOf(fields []field) int {
	for _, f := range fields {
		if f.Name == ":status" {
			n, _ := strconv.Atoi(f.Value)
			return n
		}
	}
	return 0
}
