package channels_test

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/internal/memnet"
)

// A world is a network in memory: at each "host:port" a function plays the peer,
// whose connection is closed when it returns.
type world map[string]func(net.Conn)

// dial dials a URL in the world. What the test leaves open is closed at its end.
func (w world) dial(t *testing.T, url string, opts channels.DialOptions) (*channels.Conn, *http.Response, error) {
	t.Helper()
	opts.NetDial = w.network(t)
	c, resp, err := channels.Dial(t.Context(), url, &opts)
	if c != nil {
		t.Cleanup(func() { c.CloseNow() })
	}
	return c, resp, err
}

// network returns how the world's hosts are connected to.
func (w world) network(t *testing.T) func(context.Context, string, string) (net.Conn, error) {
	var peers sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	t.Cleanup(func() {
		mu.Lock()
		defer mu.Unlock()
		for _, nc := range open {
			nc.Close()
		}
		peers.Wait()
	})
	return func(_ context.Context, _, addr string) (net.Conn, error) {
		peer := w[addr]
		if peer == nil {
			return nil, fmt.Errorf("there is no %s", addr)
		}
		client, server := memnet.Pipe()
		mu.Lock()
		open = append(open, server)
		mu.Unlock()
		peers.Go(func() { // ends with server, which the cleanup closes
			defer server.Close()
			peer(server)
		})
		return client, nil
	}
}

// accepting is the response that a client wants; {accept} stands for the right
// Sec-WebSocket-Accept.
const accepting = "HTTP/1.1 101 Switching Protocols\r\n" +
	"Upgrade: websocket\r\n" +
	"Connection: Upgrade\r\n" +
	"Sec-WebSocket-Accept: {accept}\r\n" +
	"\r\n"

// accept computes a Sec-WebSocket-Accept (RFC 6455, Section 4.2.2, item 5.4).
func accept(r *http.Request) string {
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// answers plays a server that reads a request, answers with raw, and then listens
// until the client closes.
func answers(raw string) func(net.Conn) {
	return answering(func(*http.Request) string { return raw })
}

// answering is answers with what answer returns for the request.
func answering(answer func(*http.Request) string) func(net.Conn) {
	return func(nc net.Conn) {
		r, err := http.ReadRequest(bufio.NewReader(nc))
		if err != nil {
			return
		}
		io.WriteString(nc, strings.ReplaceAll(answer(r), "{accept}", accept(r)))
		io.Copy(io.Discard, nc)
	}
}

var responseTests = []struct {
	name string
	raw  string
	want string // in the error; empty: the connection is open
	resp bool   // the response is returned with the error
}{
	{"as in the RFC", accepting, "", false},
	{"names and tokens in any case", edit("Upgrade: websocket", "UPGRADE:  WebSocket ", "Connection: Upgrade", "connection: keep-alive,\tuPGRADE"), "", false},
	{"another reason phrase", edit("Switching Protocols", ""), "", false},
	{"103 first", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + accepting, "", false},
	{"four informational", strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 4) + accepting, "", false},
	{"five informational", strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 5) + accepting, "too many informational responses", false},

	{"200", edit("101 Switching Protocols", "200 OK\r\nContent-Length: 0"), "the server answered 200 OK", true},
	{"302, not told to follow", edit("101 Switching Protocols", "302 Found\r\nLocation: ws://other/\r\nContent-Length: 0"), "the server answered 302 Found", true},
	{"401", edit("101 Switching Protocols", "401 Unauthorized\r\nContent-Length: 0"), "the server answered 401 Unauthorized", true},
	{"no Upgrade", edit("Upgrade: websocket\r\n", ""), "no Upgrade to websocket", true},
	{"Upgrade to h2c", edit("Upgrade: websocket", "Upgrade: h2c"), "no Upgrade to websocket", true},
	{"Upgrade to a list", edit("Upgrade: websocket", "Upgrade: websocket, h2c"), "no Upgrade to websocket", true},
	{"two Upgrades", edit("Upgrade: websocket", "Upgrade: websocket\r\nUpgrade: websocket"), "no Upgrade to websocket", true},
	{"no Connection", edit("Connection: Upgrade\r\n", ""), "no Connection: Upgrade", true},
	{"Connection: keep-alive", edit("Connection: Upgrade", "Connection: keep-alive"), "no Connection: Upgrade", true},
	{"Connection: close", edit("Connection: Upgrade", "Connection: close"), "no Connection: Upgrade", true},
	{"no Sec-WebSocket-Accept", edit("Sec-WebSocket-Accept: {accept}\r\n", ""), "wrong Sec-WebSocket-Accept", true},
	{"a wrong Sec-WebSocket-Accept", edit("{accept}", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "wrong Sec-WebSocket-Accept", true},
	{"an empty Sec-WebSocket-Accept", edit("{accept}", ""), "wrong Sec-WebSocket-Accept", true},
	{"more than a Sec-WebSocket-Accept", edit("{accept}", "{accept}, {accept}"), "wrong Sec-WebSocket-Accept", true},
	{"two Sec-WebSocket-Accept", edit("{accept}", "{accept}\r\nSec-WebSocket-Accept: {accept}"), "wrong Sec-WebSocket-Accept", true},

	{"an offered subprotocol", edit("Upgrade\r\n", "Upgrade\r\nSec-WebSocket-Protocol: chat\r\n"), "", false},
	{"another subprotocol", edit("Upgrade\r\n", "Upgrade\r\nSec-WebSocket-Protocol: other\r\n"), "a subprotocol that was not offered", true},
	{"a subprotocol in another case", edit("Upgrade\r\n", "Upgrade\r\nSec-WebSocket-Protocol: CHAT\r\n"), "a subprotocol that was not offered", true},
	{"two offered subprotocols", edit("Upgrade\r\n", "Upgrade\r\nSec-WebSocket-Protocol: chat, v2.chat\r\n"), "a subprotocol that was not offered", true},
	{"a subprotocol twice", edit("Upgrade\r\n", "Upgrade\r\nSec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: chat\r\n"), "a subprotocol that was not offered", true},
	{"an empty subprotocol", edit("Upgrade\r\n", "Upgrade\r\nSec-WebSocket-Protocol:\r\n"), "a subprotocol that was not offered", true},
	{"an extension", edit("Upgrade\r\n", "Upgrade\r\nSec-WebSocket-Extensions: permessage-deflate\r\n"), "an extension that was not offered", true},
	{"an unknown extension", edit("Upgrade\r\n", "Upgrade\r\nSec-WebSocket-Extensions: x-other; a=b\r\n"), "an extension that was not offered", true},

	{"a header of 70 KiB", edit("Upgrade\r\n", "Upgrade\r\nX: "+strings.Repeat("a", 70<<10)+"\r\n"), "the response's header is too large", false},
	{"a header of many lines", edit("Upgrade\r\n", "Upgrade\r\n"+strings.Repeat("X-A: b\r\n", 10<<10)), "the response's header is too large", false},
	{"not HTTP", "SSH-2.0-secret\r\n\r\n", "malformed response", false},
	{"a header without a colon", edit("Upgrade\r\n", "Upgrade\r\nsecret\r\n"), "malformed response", false},
	{"no number", edit("101", "1O1"), "malformed response", false},
}

// edit returns accepting with each old string, of which there is one, replaced.
func edit(oldnew ...string) string {
	return strings.NewReplacer(oldnew...).Replace(accepting)
}

// RFC 6455, Section 4.1: what the client checks of the server's response.
func TestDialChecksResponse(t *testing.T) {
	for _, tt := range responseTests {
		t.Run(tt.name, func(t *testing.T) {
			c, resp, err := world{"server:80": answers(tt.raw)}.dial(t, "ws://server/", channels.DialOptions{Subprotocols: []string{"v2.chat", "chat"}})
			if tt.want == "" {
				if err != nil || resp.StatusCode != 101 {
					t.Fatalf("%v, %v", resp, err)
				}
				if got, want := c.Subprotocol(), resp.Header.Get("Sec-WebSocket-Protocol"); got != want {
					t.Errorf("subprotocol %q, want %q", got, want)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "websocket: dial: ") {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
			if c != nil || tt.resp != (resp != nil) {
				t.Errorf("connection %v, response %v; want a response: %v", c, resp, tt.resp)
			}
			checkNoSecret(t, err)
		})
	}
}

// checkNoSecret fails the test when an error has something secret in it: what tests
// send as one has that word.
func checkNoSecret(t *testing.T, err error) {
	t.Helper()
	if err != nil && strings.Contains(err.Error(), "secret") {
		t.Errorf("the error has a secret in it: %v", err)
	}
}

// A server that closes without an answer is told by its error.
func TestDialEndOfResponse(t *testing.T) {
	for _, raw := range []string{"", "HTTP/1.1 101 Sw", strings.TrimSuffix(accepting, "\r\n"), "HTTP/1.1 100 Continue\r\n\r\n"} {
		peer := func(nc net.Conn) {
			http.ReadRequest(bufio.NewReader(nc))
			io.WriteString(nc, raw)
		}
		if _, _, err := (world{"server:80": peer}).dial(t, "ws://server/", channels.DialOptions{}); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%q: %v, want %v", raw, err, io.ErrUnexpectedEOF)
		}
	}
}

// Subprotocols are distinct tokens: others are not sent.
func TestDialSubprotocols(t *testing.T) {
	for _, list := range [][]string{{"a b"}, {""}, {"a", "a"}, {"a,b"}} {
		_, _, err := world{}.dial(t, "ws://server/", channels.DialOptions{Subprotocols: list})
		if err == nil || !strings.Contains(err.Error(), "not distinct tokens") {
			t.Errorf("%q: %v", list, err)
		}
	}
}

// At most 4 KiB of the body of a refusal can be read, and what has come of it when
// the time is over.
func TestDialRefusedBody(t *testing.T) {
	long := strings.Repeat("x", 5000)
	tests := []struct{ name, raw, want string }{
		{"with a length", "Content-Length: 5\r\n\r\nsorry and more", "sorry"},
		{"long", "Content-Length: 5000\r\n\r\n" + long, long[:4096]},
		{"chunked", "Transfer-Encoding: chunked\r\n\r\n3\r\nsor\r\n2\r\nry\r\n0\r\n\r\n", "sorry"},
		{"none", "Content-Length: 0\r\n\r\n", ""},
		{"one that never ends", "Content-Length: 100\r\n\r\nsorry", "sorry"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				peer := answers("HTTP/1.1 403 Forbidden\r\n" + tt.raw)
				_, resp, err := world{"server:80": peer}.dial(t, "ws://server/", channels.DialOptions{Timeout: time.Second})
				if err == nil || !strings.Contains(err.Error(), "403") || resp == nil {
					t.Fatalf("%v, %v", resp, err)
				}
				body, err := io.ReadAll(resp.Body)
				if string(body) != tt.want || err != nil {
					t.Errorf("%d bytes of a body, %v; want %d", len(body), err, len(tt.want))
				}
				if d := time.Since(start); d > time.Second {
					t.Errorf("after %v, want at most the Timeout", d)
				}
			})
		})
	}
}

func TestDialURL(t *testing.T) {
	tests := []struct{ url, want string }{
		{"http://server/?token=secret", `the scheme "http" is neither ws nor wss`},
		{"WS://server/#secret", "a WebSocket URL has no fragment"},
		{"ws://server/#", "a WebSocket URL has no fragment"},
		{"/path?token=secret", `the scheme "" is neither ws nor wss`},
		{"ws:///path?token=secret", "the URL has no host"},
		{"ws://:80/?token=secret", "the URL has no host"},
		{"ws:secret", "the URL has no host"},
		{"ws://user:secret@server:port/", "malformed URL"},
		{"ws://server/%zz?token=secret", "malformed URL"},
		{"ws://server/\x7f?token=secret", "malformed URL"},
		{"ws://user:secret@unknown/?token=secret", "there is no unknown:80"},
		{"wss://user:secret@[2001:db8::1]/?token=secret", "there is no [2001:db8::1]:443"},
		// What repeats the request, as an echo server does, gets no secret into an error.
		{"ws://user:secret@echo/?token=secret", "malformed response"},
	}
	w := world{"echo:80": func(nc net.Conn) { io.Copy(nc, nc) }}
	for _, tt := range tests {
		t.Run(tt.url, func(t *testing.T) {
			_, resp, err := w.dial(t, tt.url, channels.DialOptions{})
			if err == nil || !strings.Contains(err.Error(), tt.want) || resp != nil {
				t.Errorf("%v, %v; want %q", resp, err, tt.want)
			}
			checkNoSecret(t, err)
		})
	}
}

// What is sent: RFC 6455, Section 4.1, and what the options ask for.
func TestDialRequest(t *testing.T) {
	tests := []struct {
		name, url, target, host string
		opts                    channels.DialOptions
		want                    http.Header // beside what every handshake has
	}{
		{"nothing but a host", "ws://server", "/", "server", channels.DialOptions{}, http.Header{"Origin": {"http://server"}}},
		{"all of a URL", "ws://SERVER:80/a%2Fb?c=d&e", "/a%2Fb?c=d&e", "SERVER:80", channels.DialOptions{},
			http.Header{"Origin": {"http://server"}}},
		{"a name and a password", "ws://user:pass@server:8080/", "/", "server:8080", channels.DialOptions{},
			http.Header{"Origin": {"http://server:8080"}, "Authorization": {"Basic dXNlcjpwYXNz"}}},
		{"an origin", "ws://server/", "/", "server", channels.DialOptions{Origin: "https://app.example"},
			http.Header{"Origin": {"https://app.example"}}},
		{"an origin in Header comes first", "ws://server/", "/", "server",
			channels.DialOptions{Origin: "https://app.example", Header: http.Header{"origin": {"null"}}},
			http.Header{"Origin": {"null"}}},
		{"no origin", "ws://server/", "/", "server", channels.DialOptions{Header: http.Header{"Origin": nil}}, http.Header{}},
		{"a name that is no web origin's", "ws://server./", "/", "server.", channels.DialOptions{}, http.Header{}},
		{"header fields and cookies", "ws://server/", "/", "server",
			channels.DialOptions{Jar: jar(t, "http://server/", "c=d"), Header: http.Header{"x-api-key": {"k", "l"}, "Cookie": {"a=b"}, "User-Agent": {"test"}}},
			http.Header{"Origin": {"http://server"}, "X-Api-Key": {"k", "l"}, "Cookie": {"a=b; c=d"}, "User-Agent": {"test"}}},
		{"another host", "ws://server/", "/", "virtual", channels.DialOptions{Header: http.Header{"Host": {"virtual"}}},
			http.Header{"Origin": {"http://server"}}},
		{"subprotocols", "ws://server/", "/", "server", channels.DialOptions{Subprotocols: []string{"v2.chat", "chat"}},
			http.Header{"Origin": {"http://server"}, "Sec-Websocket-Protocol": {"v2.chat, chat"}}},
		{"what the handshake needs is its own", "ws://server/", "/", "server",
			channels.DialOptions{Header: http.Header{"Upgrade": {"h2c"}, "connection": {"close"}, "Sec-WebSocket-Key": {"AAAA"}, "Sec-WebSocket-Version": {"8"}, "Sec-WebSocket-Protocol": {"x"}, "Sec-WebSocket-Extensions": {"x"}, "Content-Length": {"5"}, "Transfer-Encoding": {"chunked"}}},
			http.Header{"Origin": {"http://server"}}},
		{"no line is put into another", "ws://server/", "/", "server",
			channels.DialOptions{Header: http.Header{"X-A": {"b\r\nCookie: sid=evil"}, "X B\r\nC": {"d"}}},
			http.Header{"Origin": {"http://server"}, "X-A": {"b  Cookie: sid=evil"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got *http.Request
			peer := answering(func(r *http.Request) string {
				got = r
				return accepting
			})
			w := world{"server:80": peer, "SERVER:80": peer, "server:8080": peer, "server.:80": peer}
			given := tt.opts.Header.Clone()
			if _, _, err := w.dial(t, tt.url, tt.opts); err != nil {
				t.Fatal(err)
			}
			if got.Method != "GET" || got.RequestURI != tt.target || got.Host != tt.host || got.Proto != "HTTP/1.1" {
				t.Errorf("%s %s %s at %s; want GET %s HTTP/1.1 at %s", got.Method, got.RequestURI, got.Proto, got.Host, tt.target, tt.host)
			}
			if key, err := base64.StdEncoding.Strict().DecodeString(got.Header.Get("Sec-WebSocket-Key")); err != nil || len(key) != 16 {
				t.Errorf("Sec-WebSocket-Key %q", got.Header["Sec-Websocket-Key"])
			}
			got.Header.Del("Sec-WebSocket-Key")
			want := http.Header{"Upgrade": {"websocket"}, "Connection": {"Upgrade"}, "Sec-Websocket-Version": {"13"}, "User-Agent": {"Go-http-client/1.1"}}
			for name, values := range tt.want {
				want[name] = values
			}
			if diff := cmp.Diff(want, got.Header); diff != "" {
				t.Errorf("header (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(given, tt.opts.Header); diff != "" {
				t.Errorf("Dial changed the options' Header (-want +got):\n%s", diff)
			}
		})
	}
}

// RFC 7692, Section 7.1: an answer to an offer that was not made is refused.
func TestDialExtension(t *testing.T) {
	tests := []struct {
		answer string
		ok     bool
	}{
		{"permessage-deflate; server_no_context_takeover; client_no_context_takeover", true},
		{"permessage-deflate", false}, // the server would keep its window
		{"permessage-deflate; server_no_context_takeover; client_max_window_bits=10", false},
		{"permessage-deflate; server_no_context_takeover, permessage-deflate; server_no_context_takeover", false},
		{"x-other", false},
	}
	for _, tt := range tests {
		raw := edit("Upgrade\r\n", "Upgrade\r\nSec-WebSocket-Extensions: "+tt.answer+"\r\n")
		opts := channels.DialOptions{Compression: channels.Compression{Mode: channels.NoContextTakeover}}
		if _, resp, err := (world{"server:80": answers(raw)}).dial(t, "ws://server/", opts); tt.ok != (err == nil) || resp == nil {
			t.Errorf("%s: %v, %v", tt.answer, resp, err)
		}
	}
}

// F6: a server's frames are not masked.
func TestDialMaskedFrame(t *testing.T) {
	sent := make(chan string, 1)
	peer := func(nc net.Conn) {
		r, _ := http.ReadRequest(bufio.NewReader(nc))
		io.WriteString(nc, strings.ReplaceAll(accepting, "{accept}", accept(r))+masked(0x81, "hello"))
		frame := make([]byte, 8)
		io.ReadFull(nc, frame)
		for i := range 2 {
			frame[6+i] ^= frame[2+i]
		}
		sent <- fmt.Sprintf("% x", frame)
	}
	c, _, err := world{"server:80": peer}.dial(t, "ws://server/", channels.DialOptions{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := c.Read(t.Context())
	if channels.CloseStatus(err) != channels.StatusProtocolError {
		t.Errorf("read %v, %v; want a protocol error", m, err)
	}
	// FIN and opcode 8; masked, of 2 bytes and a longer reason; the key; 1002.
	if got := <-sent; !strings.HasPrefix(got, "88 ") || !strings.HasSuffix(got, " 03 ea") {
		t.Errorf("the server got %s, want a close frame with 1002", got)
	}
}

// Frames that come in one piece with the response, or are cut anywhere, are kept.
func TestDialKeepsEarlyBytes(t *testing.T) {
	long := strings.Repeat("0123456789", 1000)
	frames := "\x81\x05hello" + "\x82\x7e\x27\x10" + long + "\x81\x03end"
	head := len(strings.ReplaceAll(accepting, "{accept}", strings.Repeat("=", 28)))
	for _, cut := range []int{0, head - 1, head, head + 1, head + 3, head + 9, 4096, head + len(frames) - 1, head + len(frames)} {
		synctest.Test(t, func(t *testing.T) {
			peer := func(nc net.Conn) {
				r, _ := http.ReadRequest(bufio.NewReader(nc))
				all := strings.ReplaceAll(accepting, "{accept}", accept(r)) + frames
				io.WriteString(nc, all[:cut])
				time.Sleep(time.Second)
				io.WriteString(nc, all[cut:])
				io.Copy(io.Discard, nc)
			}
			c, _, err := world{"server:80": peer}.dial(t, "ws://server/", channels.DialOptions{})
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{"hello", long, "end"} {
				if m, err := c.Read(t.Context()); err != nil || string(m.Data) != want {
					t.Fatalf("cut at %d: %v, %v; want %.10s", cut, m, err, want)
				}
			}
		})
	}
}

// FuzzDialResponse answers with arbitrary bytes.
func FuzzDialResponse(f *testing.F) {
	for _, tt := range responseTests {
		f.Add([]byte(tt.raw))
	}
	f.Add([]byte(accepting + "\x81\x05hello\x88\x02\x03\xe8"))
	f.Add([]byte("HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\nsecret"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var sent, key string
		peer := func(nc net.Conn) {
			r, err := http.ReadRequest(bufio.NewReader(nc))
			if err != nil {
				return
			}
			key = accept(r)
			sent = strings.ReplaceAll(string(raw), "{accept}", key)
			io.WriteString(nc, sent)
		}
		c, resp, err := world{"server:80": peer}.dial(t, "ws://server/?token=secret", channels.DialOptions{Subprotocols: []string{"chat"}})
		if err != nil {
			checkNoSecret(t, err)
			if resp != nil {
				if body, err := io.ReadAll(resp.Body); len(body) > 4<<10 || err != nil {
					t.Errorf("a body of %d bytes, %v", len(body), err)
				}
			}
			return
		}
		if !strings.Contains(sent, " 101") || !strings.Contains(sent, key) {
			t.Errorf("accepted without a valid Sec-WebSocket-Accept: %q", sent)
		}
		if s := c.Subprotocol(); s != "" && s != "chat" {
			t.Errorf("subprotocol %q was not offered", s)
		}
		for err == nil {
			_, err = c.Read(t.Context())
		}
	})
}
