package channels_test

import (
	"bufio"
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/wstest"
)

// A raw handshake, of which tests change lines.
const opening = "GET /ws?token=secret-query HTTP/1.1\r\n" +
	"Host: localhost\r\n" +
	"Upgrade: websocket\r\n" +
	"Connection: Upgrade\r\n" +
	"Sec-WebSocket-Version: 13\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
	"\r\n"

// with returns opening with the line that begins with the same name replaced, or
// with another line; "-Name" removes one.
func with(lines ...string) string {
	out := strings.Split(strings.TrimSuffix(opening, "\r\n\r\n"), "\r\n")
	for _, line := range lines {
		name, _, _ := strings.Cut(line, ":")
		remove := strings.HasPrefix(name, "-")
		name = strings.TrimPrefix(name, "-")
		found := false
		for i, have := range out {
			if i == 0 && strings.HasPrefix(line, "GET ") || strings.HasPrefix(have, name+":") {
				found = true
				if remove {
					out = append(out[:i], out[i+1:]...)
				} else {
					out[i] = line
				}
				break
			}
		}
		if !found && !remove {
			out = append(out, line)
		}
	}
	return strings.Join(out, "\r\n") + "\r\n\r\n"
}

// ask sends raw bytes and returns the response.
func ask(t *testing.T, srv *wstest.Server, raw string) *http.Response {
	t.Helper()
	nc := srv.NetConn()
	if _, err := io.WriteString(nc, raw); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(nc), nil)
	if err != nil {
		t.Fatalf("read the response: %v", err)
	}
	return resp
}

func TestHandshake(t *testing.T) {
	long := strings.Repeat("a", 70<<10)
	tests := []struct {
		name string
		raw  string
		want int
	}{
		{"as in the RFC", opening, 101},
		{"H1 no Host", with("-Host"), 400},
		{"H2 two Hosts", strings.Replace(opening, "Upgrade:", "Host: localhost\r\nUpgrade:", 1), 400},
		{"H4 DNS rebinding", with("Host: evil.example", "Origin: http://evil.example"), 421},
		{"H5 absolute form with another host", strings.Replace(opening, "GET /ws", "GET http://evil.example/ws", 1), 421},
		{"H6 HTTP/1.0", strings.Replace(opening, "HTTP/1.1", "HTTP/1.0", 1), 426},
		{"H7 POST", strings.Replace(opening, "GET", "POST", 1), 405},
		{"H7 PUT", strings.Replace(opening, "GET", "PUT", 1), 405},
		{"H8 a body with a length", with("Content-Length: 11") + "\x81\x85\x00\x00\x00\x00hello", 400},
		{"H9 a chunked body", with("Transfer-Encoding: chunked") + "0\r\n\r\n", 400},
		{"H10 length and chunks", with("Content-Length: 5", "Transfer-Encoding: chunked") + "0\r\n\r\n\x81\x85\x00\x00\x00\x00hello", 400},
		{"H11 two lengths", with("Content-Length: 5\r\nContent-Length: 6"), 400},
		{"H12 a length with a sign", with("Content-Length: +5"), 400},
		{"H13 an unknown coding", with("Transfer-Encoding: xchunked"), 501},
		{"H14 a space before the colon", strings.Replace(opening, "Upgrade: websocket", "Upgrade : websocket", 1), 400},
		{"H15 a folded cookie stays one value, and has no Origin", with("X-A: b\r\n Cookie: sid=evil"), 101},
		{"H17 a control character in a value", with("X-A: b\x0bc"), 400},
		{"H18 a space in a name", with("X A: b"), 400},
		{"H20 keep-alive, Upgrade", with("Connection: keep-alive, Upgrade"), 101},
		{"H21 no token upgrade", with("Connection: notupgrade"), 400},
		{"H21 close", with("Connection: close"), 400},
		{"H21 no Connection", with("-Connection"), 400},
		{"H22 h2c, websocket", with("Upgrade: h2c, websocket"), 101},
		{"H22 websocket/13", with("Upgrade: websocket/13"), 426},
		{"no Upgrade", with("-Upgrade"), 426},
		{"H23 no key", with("-Sec-WebSocket-Key"), 400},
		{"H23 a key of 15 bytes", with("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub24="), 400},
		{"H23 a key that is not base64", with("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j!!=="), 400},
		{"H24 two keys", with("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="), 400},
		{"H25 a key with spare bits", with("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR=="), 400},
		{"H26 no version", with("-Sec-WebSocket-Version"), 426},
		{"H26 version 8", with("Sec-WebSocket-Version: 8"), 426},
		{"H26 version 013", with("Sec-WebSocket-Version: 013"), 426},
		{"H26 version 13, 8", with("Sec-WebSocket-Version: 13, 8"), 426},
		{"H26 two versions", with("Sec-WebSocket-Version: 8\r\nSec-WebSocket-Version: 13"), 426},
		{"H27 10,000 spaces", with("Sec-WebSocket-Protocol: a" + strings.Repeat(" ", 10000) + "b"), 400},
		{"H28 500 subprotocols", with("Sec-WebSocket-Protocol: p" + strings.Repeat(",p", 500)), 400},
		{"H28 33 distinct subprotocols", with("Sec-WebSocket-Protocol: " + distinct(33)), 400},
		{"H28 32 distinct subprotocols", with("Sec-WebSocket-Protocol: " + distinct(32)), 101},
		{"H28 a subprotocol of 60 KiB", with("Sec-WebSocket-Protocol: " + long[:60<<10]), 400},
		{"H30 an empty element", with("Sec-WebSocket-Protocol: chat,,x"), 400},
		{"H30 a separator in a subprotocol", with("Sec-WebSocket-Protocol: ch(at"), 400},
		{"H30 duplicates", with("Sec-WebSocket-Protocol: chat, chat"), 400},
		{"H31 unknown extensions", with("Sec-WebSocket-Extensions: constructor, x-other; a=b"), 101},
		{"H31 an extension that is not well-formed", with(`Sec-WebSocket-Extensions: constructor; __proto__="`), 400},
		{"H40 two Origins", with("Origin: https://localhost\r\nOrigin: https://evil.example"), 403},
		{"H40 two Origins, the other way round", with("Origin: https://evil.example\r\nOrigin: https://localhost"), 403},
		{"H41 an empty Origin with a cookie", with("Origin: ", "Cookie: sid=1"), 403},
		{"H41 Origin null with a cookie", with("Origin: null", "Cookie: sid=1"), 403},
		{"H41 no Origin with a cookie", with("Cookie: sid=1"), 403},
		{"H41 no Origin with Basic", with("Authorization: Basic YTpi"), 403},
		{"H41 no Origin with Negotiate", with("Authorization: negotiate YTpi"), 403},
		{"no Origin with a bearer token", with("Authorization: Bearer abc"), 101},
		{"the site's own Origin with a cookie", with("Origin: https://localhost", "Cookie: sid=1"), 101},
		{"H42 userinfo", with("Origin: https://user@localhost"), 403},
		{"H42 a path", with("Origin: https://localhost/"), 403},
		{"H42 a list", with("Origin: https://localhost https://localhost"), 403},
		{"H42 upper case", with("Origin: https://LOCALHOST"), 403},
		{"H42 a trailing dot", with("Origin: https://localhost."), 403},
		{"H42 port 99999", with("Origin: https://localhost:99999"), 403},
		{"H42 half an address", with("Origin: https://[::1"), 403},
		{"H43 a longer name", with("Origin: https://localhost.evil.example"), 403},
		{"H43 the name at the end", with("Origin: https://evillocalhost"), 403},
		{"H43 http for https", with("Origin: http://localhost"), 403},
		{"H43 another port", with("Origin: https://localhost:8443"), 403},
		{"H44 an extension of the browser", with("Origin: chrome-extension://localhost"), 403},
		{"H45 forwarded by nobody we trust", with("Origin: https://app.example.com", "X-Forwarded-Host: app.example.com"), 403},
		{"A12 another site, with the visitor's cookie", with("Origin: https://evil.example", "Cookie: sid=1"), 403},
		{"A12 a sibling subdomain", with("Origin: https://other.localhost", "Cookie: sid=1"), 403},
	}
	server := &channels.Server{Upgrader: channels.Upgrader{
		Subprotocols: []string{"chat"},
		Logger:       slog.New(slog.DiscardHandler),
	}}
	srv := wstest.NewServer(t, server.HandlerFunc(echo))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			resp := ask(t, srv, tt.raw)
			if resp.StatusCode != tt.want {
				t.Fatalf("status %d, want %d", resp.StatusCode, tt.want)
			}
			switch resp.StatusCode {
			case 101:
				// RFC 6455, Section 1.3: the value for this key.
				if got := resp.Header.Get("Sec-WebSocket-Accept"); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
					t.Errorf("Sec-WebSocket-Accept %q", got)
				}
			case 426:
				if got := resp.Header.Get("Sec-WebSocket-Version"); got != "13" {
					t.Errorf("Sec-WebSocket-Version %q, want 13", got)
				}
			}
		})
	}
}

func distinct(n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("p" + string(rune('A'+i/26)) + string(rune('a'+i%26)))
	}
	return b.String()
}

func TestAllowedOrigins(t *testing.T) {
	site := channels.Upgrader{AllowedOrigins: []string{"https://app.example.com", ".example.org"}}
	proxied := channels.Upgrader{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	public := channels.Upgrader{PublicOrigin: "https://chat.example"}
	tests := []struct {
		name     string
		upgrader *channels.Upgrader
		raw      string
		want     int
	}{
		{"O5 listed", &site, with("Origin: https://app.example.com"), 101},
		{"O6 not listed", &site, with("Origin: https://bad.example.com"), 403},
		{"listed, but not that scheme", &site, with("Origin: http://app.example.com"), 403},
		{"listed, but not that port", &site, with("Origin: https://app.example.com:8443"), 403},
		{"O4 below a domain", &site, with("Origin: https://www.example.org"), 101},
		{"the domain itself", &site, with("Origin: https://example.org"), 101},
		{"H43 a name that ends like the domain", &site, with("Origin: https://badexample.org"), 403},
		{"the domain over http", &site, with("Origin: http://www.example.org"), 403},
		{"the domain at another port", &site, with("Origin: https://www.example.org:8443"), 403},
		{"any", &channels.Upgrader{InsecureAnyOrigin: true}, with("Origin: https://evil.example", "Cookie: a=b"), 101},
		{"TLS ends at a trusted proxy", &proxied, with("Host: internal", "Origin: https://app.example.com", "X-Forwarded-Proto: https", "X-Forwarded-Host: app.example.com"), 101},
		{"H45 what the client itself forwarded comes first", &proxied, with("Host: internal", "Origin: https://evil.example", "X-Forwarded-Host: evil.example, app.example.com"), 403},
		{"the public origin", &public, with("Host: internal", "Origin: https://chat.example"), 101},
		{"not the public origin", &public, with("Origin: https://localhost"), 403},
		{"H3 a host that is not listed", &channels.Upgrader{AllowedHosts: []string{"example.com"}}, opening, 421},
		{"a host that is listed", &channels.Upgrader{AllowedHosts: []string{"localhost"}}, opening, 101},
		{"a host that is listed, in capitals", &channels.Upgrader{AllowedHosts: []string{"localhost"}}, with("Host: LOCALHOST"), 101},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := &channels.Server{Upgrader: channels.Upgrader{
				AllowedOrigins: tt.upgrader.AllowedOrigins, InsecureAnyOrigin: tt.upgrader.InsecureAnyOrigin,
				AllowedHosts: tt.upgrader.AllowedHosts, TrustedProxies: tt.upgrader.TrustedProxies,
				PublicOrigin: tt.upgrader.PublicOrigin, Logger: slog.New(slog.DiscardHandler),
			}}
			srv := wstest.NewServer(t, server.HandlerFunc(echo))
			if got := ask(t, srv, tt.raw).StatusCode; got != tt.want {
				t.Errorf("status %d, want %d", got, tt.want)
			}
		})
	}
}

// A mistake in the configuration is told when the handler is made.
func TestConfigurationPanics(t *testing.T) {
	tests := []struct {
		name     string
		upgrader func(*channels.Upgrader)
		want     string
	}{
		{"origin", func(u *channels.Upgrader) { u.AllowedOrigins = []string{"example.com"} }, `AllowedOrigins: "example.com" is neither`},
		{"every origin", func(u *channels.Upgrader) { u.AllowedOrigins = []string{"*"} }, `set InsecureAnyOrigin`},
		{"O3 no wildcard", func(u *channels.Upgrader) { u.AllowedOrigins = []string{"*.example.com"} }, `AllowedOrigins: "*.example.com" is neither`},
		{"public origin", func(u *channels.Upgrader) { u.PublicOrigin = "example.com" }, `PublicOrigin: "example.com" is not an origin`},
		{"host", func(u *channels.Upgrader) { u.AllowedHosts = []string{"Example.com"} }, `AllowedHosts: "Example.com" is not a host`},
		{"subprotocol", func(u *channels.Upgrader) { u.Subprotocols = []string{"a b"} }, `Subprotocols: "a b" is not a token`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			defer func() {
				if got, _ := recover().(string); !strings.Contains(got, tt.want) {
					t.Errorf("panic %q, want it to contain %q", got, tt.want)
				}
			}()
			srv := new(channels.Server)
			tt.upgrader(&srv.Upgrader)
			srv.HandlerFunc(echo)
		})
	}
}

// The line about a refusal names the setting that is missing, and no secret.
func TestRefusalIsLogged(t *testing.T) {
	var buf bytes.Buffer
	server := &channels.Server{Logger: slog.New(slog.NewTextHandler(&buf, nil))}
	srv := wstest.NewServer(t, server.HandlerFunc(echo))
	ask(t, srv, with("Origin: https://app.example.com\x1b[31m", "Cookie: sid=secret-cookie", "Authorization: Bearer secret-token")) // net/http refuses ESC
	resp := ask(t, srv, with("Origin: https://app.example.com", "Cookie: sid=secret-cookie", "Authorization: Bearer secret-token"))
	body, _ := io.ReadAll(resp.Body)
	log := buf.String()
	for _, want := range []string{"AllowedOrigins", "status=403", "origin=https://app.example.com", "path=/ws"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %q:\n%s", want, log)
		}
	}
	// L1, T15: nothing secret in the log or the answer.
	if strings.Contains(log+string(body), "secret") {
		t.Errorf("a secret was written:\n%s%s", log, body)
	}
}

// H29: subprotocols are compared with regard to case, and the answer has the
// server's own.
func TestSubprotocol(t *testing.T) {
	tests := []struct{ offered, want string }{
		{"chat", "chat"},
		{"CHAT", ""},
		{"other, chat, v2.chat", "v2.chat"},
		{"other", ""},
	}
	server := &channels.Server{Upgrader: channels.Upgrader{Subprotocols: []string{"v2.chat", "chat"}}}
	srv := wstest.NewServer(t, server.HandlerFunc(echo))
	for _, tt := range tests {
		t.Run(tt.offered, func(t *testing.T) {
			resp := ask(t, srv, with("Sec-WebSocket-Protocol: "+tt.offered))
			if got := resp.Header.Get("Sec-WebSocket-Protocol"); resp.StatusCode != 101 || got != tt.want {
				t.Errorf("status %d, subprotocol %q; want %q", resp.StatusCode, got, tt.want)
			}
		})
	}
}

// H36, H37: what comes behind the handshake in the same segment is frames, all of
// it, and nothing else.
func TestPipelined(t *testing.T) {
	srv := wstest.NewServer(t, new(channels.Server).HandlerFunc(echo))
	nc := srv.NetConn()
	hello := "\x81\x85\x00\x00\x00\x00hello"
	io.WriteString(nc, opening+hello+hello+"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
	br := bufio.NewReader(nc)
	if resp, err := http.ReadResponse(br, nil); err != nil || resp.StatusCode != 101 {
		t.Fatalf("%v, %v", resp, err)
	}
	got, _ := io.ReadAll(br)
	// F32: what is no frame is a protocol error: the G of GET has RSV1 set.
	want := "\x81\x05hello\x81\x05hello\x88"
	if !strings.HasPrefix(string(got), want) || !strings.HasPrefix(string(got[len(want)+1:]), "\x03\xea") {
		t.Errorf("got %q, want %q and a close frame with 1002", got, want)
	}
}

// Header fields that middleware has set go out with the 101, and middleware that
// has an Unwrap method sees it.
func TestMiddlewareAroundUpgrade(t *testing.T) {
	seen := make(chan int, 1)
	server := new(channels.Server)
	h := server.HandlerFunc(echo)
	srv := wstest.NewServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
		sw := &statusWriter{ResponseWriter: w}
		h.ServeHTTP(sw, r)
		seen <- sw.status
	}))
	resp := ask(t, srv, opening)
	if resp.StatusCode != 101 || resp.Header.Get("Set-Cookie") != "a=b" {
		t.Errorf("status %d, Set-Cookie %q", resp.StatusCode, resp.Header.Get("Set-Cookie"))
	}
	if got := <-seen; got != 101 {
		t.Errorf("the middleware saw %d, want 101", got)
	}
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// A writer that cannot be hijacked is an error that says so, not a panic.
func TestUpgradeWithoutHijacker(t *testing.T) {
	var buf bytes.Buffer
	server := &channels.Server{Logger: slog.New(slog.NewTextHandler(&buf, nil))}
	h := server.HandlerFunc(echo)
	srv := wstest.NewServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(struct{ http.ResponseWriter }{w}, r)
	}))
	if resp := ask(t, srv, opening); resp.StatusCode != 500 || !strings.Contains(buf.String(), "without an Unwrap method") {
		t.Errorf("status %d, log %s", resp.StatusCode, buf.String())
	}
}
