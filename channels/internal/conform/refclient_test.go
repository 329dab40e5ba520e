package conform_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// A refClient is an echo client of the same kind as the refServer.
type refClient struct {
	limit   int
	deflate bool
	defect  string
	dial    func(ctx context.Context, addr string) (net.Conn, error)
}

func (c *refClient) has(defect string) bool { return c.defect == defect }

// echo connects and sends back what comes until the connection ends.
func (c *refClient) echo(ctx context.Context, raw string) error {
	u, err := url.Parse(raw)
	if err != nil {
		return err
	}
	conn, err := c.dial(ctx, u.Host)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	key := c.request(conn, u)
	in := bufio.NewReader(conn)
	answer, err := http.ReadResponse(in, &http.Request{Method: "GET"})
	if err != nil {
		return err
	}
	compressed, err := c.check(answer, key)
	if err != nil && !c.has("ignores what is wrong with the answer") {
		return err
	}
	if c.has("loses what comes behind the answer") {
		in = bufio.NewReader(conn)
	}
	e := &refEndpoint{
		refServer: &refServer{limit: c.limit, defect: c.defect},
		conn:      conn, in: in, client: true, deflate: compressed,
	}
	e.serve()
	if c.has("does not return when the connection has ended") {
		<-ctx.Done()
	}
	return errors.New("the connection has ended")
}

// request sends the opening handshake and returns its key.
func (c *refClient) request(conn net.Conn, u *url.URL) string {
	var nonce [16]byte
	if !c.has("uses the same key always") {
		rand.Read(nonce[:])
	}
	key := base64.StdEncoding.EncodeToString(nonce[:])
	if c.has("has a key of 15 bytes") {
		key = base64.StdEncoding.EncodeToString(nonce[:15])
	}
	target := u.RequestURI()
	if c.has("drops the query") {
		target = u.EscapedPath()
	}
	host, version := u.Host, "13"
	if c.has("drops the port from Host") {
		host = u.Hostname()
	}
	if c.has("has version 8") {
		version = "8"
	}
	fields := []string{"Host: " + host, "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Key: " + key,
		"Sec-WebSocket-Version: " + version}
	if c.deflate {
		fields = append(fields, "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover")
	}
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\n%s\r\n\r\n", target, strings.Join(fields, "\r\n"))
	return key
}

// check says why an answer is to be refused, and whether compression is agreed.
func (c *refClient) check(answer *http.Response, key string) (compressed bool, err error) {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	accept := base64.StdEncoding.EncodeToString(sum[:])
	got := answer.Header.Get("Sec-WebSocket-Accept")
	s := &refServer{}
	switch {
	case answer.StatusCode != 101 && !c.has("does not look at the status"):
		return false, errors.New(answer.Status)
	case !s.listed(answer.Header["Upgrade"], "websocket") && !c.has("does not look at Upgrade in the answer"):
		return false, errors.New("no Upgrade")
	// net/http takes "close" out of the header, of a status that nobody looked at too.
	case answer.StatusCode == 101 && !s.listed(answer.Header["Connection"], "upgrade") && !c.has("does not look at Connection in the answer"):
		return false, errors.New("no Connection")
	case got != accept && !c.has("does not look at Sec-WebSocket-Accept") &&
		!(c.has("compares Sec-WebSocket-Accept without regard to case") && strings.EqualFold(got, accept)):
		return false, errors.New("wrong Sec-WebSocket-Accept")
	case answer.Header["Sec-Websocket-Protocol"] != nil && !c.has("accepts a subprotocol that was not offered"):
		return false, errors.New("unexpected subprotocol")
	}
	extensions := answer.Header["Sec-Websocket-Extensions"]
	if extensions == nil {
		return false, nil
	}
	if !c.deflate || len(extensions) > 1 {
		return false, errors.New("unexpected extension")
	}
	return true, c.checkDeflate(splitOutsideQuotes(extensions[0], ';'))
}

// checkDeflate says why the answer does not fit what was offered.
func (c *refClient) checkDeflate(params []string) error {
	if strings.TrimSpace(params[0]) != "permessage-deflate" {
		if c.has("accepts extensions that were not offered") {
			return nil
		}
		return errors.New("unexpected extension")
	}
	seen := map[string]bool{}
	for _, param := range params[1:] {
		name, value, valued := strings.Cut(param, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if seen[name] {
			return errors.New(name + " twice")
		}
		switch seen[name] = true; {
		case name == "server_no_context_takeover" && !valued, name == "client_no_context_takeover" && !valued:
		case name == "server_max_window_bits" && (&refServer{}).windowRight(value):
		case name == "client_max_window_bits" && c.has("accepts client_max_window_bits that it has not offered"):
		default:
			return errors.New("unexpected " + name)
		}
	}
	if !seen["server_no_context_takeover"] && !c.has("does not miss server_no_context_takeover") {
		return errors.New("no server_no_context_takeover")
	}
	return nil
}
