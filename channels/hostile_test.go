package channels_test

import (
	"bytes"
	"compress/flate"
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/internal/memnet"
	"github.com/sluicehq/sluice/channels/wstest"
	"golang.org/x/net/netutil"
)

// What net/http refuses for this package, beyond the rows of TestHandshake.
func TestHandshakeSyntax(t *testing.T) {
	tests := []struct {
		name, line string
		want       int
	}{
		{"H12 a list of lengths", "Content-Length: 5, 5", 400},
		{"H12 a length in hexadecimal", "Content-Length: 0x5", 400},
		{"H13 two codings", "Transfer-Encoding: chunked, identity", 501},
		{"H17 CR", "X-A: b\rCookie: sid=evil", 400},
		{"H17 NUL", "X-A: b\x00", 400},
		{"H17 FF", "X-A: b\x0c", 400},
		{"H17 0x1c", "X-A: b\x1c", 400},
		{"H17 0x1e", "X-A: b\x1e", 400},
		{"H17 0x85 is opaque", "X-A: b\x85", 101},
		{"H18 UTF-8 in a name", "X-\u00e4: b", 400},
		{"H18 an empty name", ": b", 400},
	}
	srv := wstest.NewServer(t, quiet().HandlerFunc(echo))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			raw := strings.TrimSuffix(opening, "\r\n") + tt.line + "\r\n\r\n"
			if got := ask(t, srv, raw).StatusCode; got != tt.want {
				t.Errorf("status %d, want %d", got, tt.want)
			}
		})
	}
}

// H16: net/http takes a bare LF for the end of a line, so what a proxy forwards as
// one value may be two fields here. A cookie that comes in that way is a cookie: a
// handshake that has no Origin beside it is refused.
func TestBareLF(t *testing.T) {
	srv := wstest.NewServer(t, quiet().HandlerFunc(echo))
	if got := ask(t, srv, with("X-A: b\nCookie: sid=evil")).StatusCode; got != 403 {
		t.Errorf("status %d, want 403", got)
	}
}

// H19: an underscore is not a hyphen, neither for a proxy's fields nor for what an
// application looks up.
func TestUnderscoreIsNoHyphen(t *testing.T) {
	server := quiet()
	server.Upgrader.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	h := server.HandlerFunc(echo)
	var user string
	srv := wstest.NewServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user = r.Header.Get("X-Remote-User")
		h.ServeHTTP(w, r)
	}))
	raw := with("Host: internal", "Origin: https://evil.example", "X_Forwarded_Host: evil.example", "X_Remote_User: admin", "X-Remote-User: alice")
	if got := ask(t, srv, raw).StatusCode; got != 403 || user != "alice" {
		t.Errorf("status %d, user %q; want 403, alice", got, user)
	}
}

// H45: who is no trusted proxy has one address, whatever X-Forwarded-For says.
func TestForwardedForOfAnybody(t *testing.T) {
	server := quiet()
	server.MaxPerIP = 1
	srv := wstest.NewServer(t, server.HandlerFunc(echo))
	for i, want := range []int{101, 429} {
		if got := ask(t, srv, with(fmt.Sprintf("X-Forwarded-For: 192.0.2.%d", i))).StatusCode; got != want {
			t.Errorf("handshake %d: status %d, want %d", i+1, got, want)
		}
	}
}

// onListener serves h with the settings of hs, to be reached by the listener that
// wrap has made of one in memory.
func onListener(t *testing.T, hs *http.Server, wrap func(net.Listener) net.Listener) *memnet.Listener {
	l := memnet.Listen()
	hs.ErrorLog = log.New(io.Discard, "", 0)
	stopped := make(chan struct{})
	go func() { // ends with the listener; the cleanup waits for it
		defer close(stopped)
		hs.Serve(wrap(l))
	}()
	t.Cleanup(func() {
		hs.Close()
		<-stopped
	})
	return l
}

func bare(l net.Listener) net.Listener { return l }

// dialled returns a connection to l, which has been sent raw as far as the server
// takes it.
func dialled(t *testing.T, l *memnet.Listener, raw string) net.Conn {
	t.Helper()
	nc, err := l.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	io.WriteString(nc, raw)
	return nc
}

// status returns the status line's first twelve bytes, or what there was of them.
func status(nc net.Conn) string {
	b := make([]byte, len("HTTP/1.1 101"))
	n, _ := io.ReadFull(nc, b)
	return string(b[:n])
}

// H33: with the setting of http.Server that docs/security.md asks for, a header of
// 70 KiB gets 431. One of 3,000 short lines is within it, and is a handshake.
func TestHeaderSize(t *testing.T) {
	server := quiet()
	l := onListener(t, &http.Server{Handler: server.HandlerFunc(echo), MaxHeaderBytes: 60 << 10}, bare)
	var many []string
	for i := range 3000 {
		many = append(many, fmt.Sprintf("X-%d: b", i))
	}
	for raw, want := range map[string]string{
		with("X-A: " + strings.Repeat("x", 70<<10)): "HTTP/1.1 431",
		with(many...): "HTTP/1.1 101",
	} {
		if got := status(dialled(t, l, raw)); got != want {
			t.Errorf("a header of %d bytes: %s, want %s", len(raw), got, want)
		}
	}
	if err := server.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

// H34: a header that never ends is given up at ReadHeaderTimeout.
func TestSlowHeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := quiet()
		l := onListener(t, &http.Server{Handler: server.HandlerFunc(echo), ReadHeaderTimeout: 5 * time.Second}, bare)
		nc, start := dialled(t, l, ""), time.Now()
		raw := with("X-A: " + strings.Repeat("x", 4<<10))
		for len(raw) > 0 {
			n, err := io.WriteString(nc, raw[:min(8, len(raw))])
			if err != nil {
				break
			}
			raw = raw[n:]
			time.Sleep(50 * time.Millisecond)
		}
		if got := status(nc); got == "HTTP/1.1 101" {
			t.Error("the handshake was accepted")
		}
		if d := time.Since(start); d > 6*time.Second {
			t.Errorf("given up after %v, want 5 s", d)
		}
	})
}

// H35: connections that say nothing take places of the listener, until
// ReadHeaderTimeout gives these to others.
func TestHalfOpenConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := quiet()
		l := onListener(t, &http.Server{Handler: server.HandlerFunc(echo), ReadHeaderTimeout: 5 * time.Second},
			func(l net.Listener) net.Listener { return netutil.LimitListener(l, 100) })
		for range 300 {
			dialled(t, l, "")
		}
		start := time.Now()
		nc := dialled(t, l, opening)
		if got := status(nc); got != "HTTP/1.1 101" {
			t.Errorf("got %q, want a handshake", got)
		}
		if d := time.Since(start); d < 15*time.Second || d > 16*time.Second {
			t.Errorf("served after %v, want 15 s: three times 100 were before it", d)
		}
		nc.Close()
		if err := server.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// H39: the Upgrader does not look at the query; what is wrong with it is the error
// of Scope.Query, and what is within the server's limits costs nothing.
func TestHostileQuery(t *testing.T) {
	tests := []struct {
		name, query string
		ok          bool
	}{
		{"60 KiB", "a=" + strings.Repeat("x", 60<<10), true},
		{"9,999 parameters", strings.Repeat("a&", 9998) + "a", true},
		{"not an escape", "a=%zz", false},
		{"semicolons", "a=1;b=2", false},
	}
	server := quiet()
	errs := make(chan error, 1)
	srv := wstest.NewServer(t, server.HandlerFunc(func(ctx context.Context, s *channels.Socket) error {
		_, err := s.Scope().Query()
		errs <- err
		return nil
	}))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := ask(t, srv, strings.Replace(opening, "token=secret-query", tt.query, 1)).StatusCode; got != 101 {
				t.Fatalf("status %d, want 101", got)
			}
			if err := <-errs; tt.ok != (err == nil) {
				t.Errorf("Query: %v", err)
			}
		})
	}
}

// H46: what is no request of HTTP/1.1 gets no 101, and the end.
func TestOtherProtocols(t *testing.T) {
	srv := wstest.NewServer(t, quiet().HandlerFunc(echo))
	for name, raw := range map[string]string{
		"a response":       "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
		"a TLS handshake":  "\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + strings.Repeat("\x00", 158) + "\r\n\r\n",
		"HTTP/2":           "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
		"HTTP/2, upgraded": strings.Replace(opening, "HTTP/1.1", "HTTP/2.0", 1),
	} {
		t.Run(name, func(t *testing.T) {
			nc := srv.NetConn()
			io.WriteString(nc, raw)
			nc.SetReadDeadline(time.Now().Add(wstest.Timeout))
			all, err := io.ReadAll(nc)
			if bytes.Contains(all, []byte(" 101 ")) || err != nil {
				t.Errorf("got %q, %v; want no 101, and the end", all, err)
			}
		})
	}
}

// H47: a wrapper that panics has not let anybody in.
func TestWrapperPanics(t *testing.T) {
	server := quiet()
	h := server.HandlerFunc(echo)
	srv := wstest.NewServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			panic("the database is gone")
		}
		h.ServeHTTP(w, r)
	}))
	nc := srv.NetConn()
	io.WriteString(nc, with("Authorization: Bearer x"))
	if all, _ := io.ReadAll(nc); len(all) != 0 { // net/http ends the connection
		t.Errorf("got %q", all)
	}
	for range server.Sockets() {
		t.Error("a socket is open")
	}
}

// F31: a connection that keeps its window keeps no more than that of a thousand
// messages that are much larger inflated.
func TestManyBombs(t *testing.T) {
	server := quiet()
	server.Upgrader.Compression.Mode = channels.ContextTakeover
	server.Upgrader.Limits.MessageSize = 64 << 10
	srv := wstest.NewServer(t, server.HandlerFunc(func(ctx context.Context, s *channels.Socket) error {
		for range 1000 {
			if _, err := s.Read(ctx); err != nil {
				return err
			}
		}
		s.Send(ctx, channels.Text("that was the last"))
		_, err := s.Read(ctx)
		return err
	}))
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.BestCompression)
	w.Write(make([]byte, 64<<10)) // as large as a message may be
	w.Flush()
	bomb := masked(0xc2, strings.TrimSuffix(b.String(), "\x00\x00\xff\xff"))
	nc := srv.NetConn()
	live := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := live()
	io.WriteString(nc, with("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"))
	for range 1000 {
		if _, err := io.WriteString(nc, bomb); err != nil {
			t.Fatal(err)
		}
	}
	var got []byte
	for p := make([]byte, 512); !bytes.Contains(got, []byte("that was the last")); {
		n, err := nc.Read(p)
		if err != nil {
			t.Fatalf("after %q: %v", got, err)
		}
		got = append(got, p[:n]...)
	}
	if after := live(); after > before+1<<20 {
		t.Errorf("%d bytes are kept", after-before)
	}
}

// F33, F34: a message of the other type, and one that is not the JSON that is
// expected, close with a code that says so; JSON of any depth crashes nothing.
func TestDecodeRefuses(t *testing.T) {
	type order struct {
		Item  string  `json:"item"`
		Count int     `json:"count"`
		Price float64 `json:"price"`
		Parts []order `json:"parts"`
	}
	decode := func(ctx context.Context, s *channels.Socket) error {
		for m, err := range s.Messages(ctx) {
			if err != nil {
				return err
			}
			var o order
			if err := m.Decode(&o); err != nil {
				return err
			}
			if err := s.SendJSON(ctx, o.Item); err != nil {
				return err
			}
		}
		return nil
	}
	binary := func(ctx context.Context, s *channels.Socket) error {
		m, err := s.Read(ctx)
		if err == nil && m.Type != channels.BinaryMessage {
			err = channels.Closef(channels.StatusUnsupportedData, "a binary message is expected")
		}
		return err
	}
	deep := func(open, end string) string { return strings.Repeat(open, 100_000) + strings.Repeat(end, 100_000) }
	bye := masked(0x88, "\x03\xe8")
	tests := []struct {
		name    string
		handler func(context.Context, *channels.Socket) error
		send    string
		want    channels.StatusCode
	}{
		{"F33 binary where text is expected", decode, masked(0x82, `{"item":"a"}`), channels.StatusUnsupportedData},
		{"F33 text where binary is expected", binary, masked(0x81, "a"), channels.StatusUnsupportedData},
		{"F34 lists of 100,000 levels", decode, masked(0x81, deep("[", "]")), channels.StatusInvalidPayload},
		{"F34 objects of 100,000 levels", decode, masked(0x81, deep(`{"parts":[`, "]}")[:1<<20-1]), channels.StatusInvalidPayload},
		{"F34 larger than a message may be", decode, masked(0x81, `{"item":"`+strings.Repeat("x", 1<<20)+`"}`), channels.StatusMessageTooBig},
		{"F34 a number that is too large", decode, masked(0x81, `{"price":1e400}`), channels.StatusInvalidPayload},
		{"F34 a fraction for a count", decode, masked(0x81, `{"count":1.5}`), channels.StatusInvalidPayload},
		{"F34 a count that overflows", decode, masked(0x81, `{"count":9223372036854775808}`), channels.StatusInvalidPayload},
		{"F34 something behind", decode, masked(0x81, `{}{}`), channels.StatusInvalidPayload},
		{"F34 no JSON", decode, masked(0x81, `NaN`), channels.StatusInvalidPayload},
		{"F34 a key twice: the last one counts", decode, masked(0x81, `{"item":"a","item":"b"}`) + bye, channels.StatusNormalClosure},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				nc := rawDial(t, wstest.NewServer(t, quiet().HandlerFunc(tt.handler)))
				go io.WriteString(nc, tt.send)
				if got := closeCode(t, nc); got != tt.want {
					t.Errorf("closed with %v, want %v", got, tt.want)
				}
			})
		})
	}
}

// L2: what a client chooses is quoted in the log, on one line, and cut.
func TestLogOfHostileNames(t *testing.T) {
	var buf bytes.Buffer
	server := &channels.Server{Logger: slog.New(slog.NewTextHandler(&buf, nil))}
	srv := wstest.NewServer(t, server.HandlerFunc(echo))
	resp := ask(t, srv, with("GET /ws%0Alevel=ERROR%1b[31m HTTP/1.1", "Origin: https://"+strings.Repeat("x", 100<<10)))
	line := buf.String()
	if resp.StatusCode != 403 || strings.Count(line, "\n") != 1 || strings.ContainsAny(line, "\x1b\r") || len(line) > 2000 {
		t.Errorf("status %d, %d bytes of log: %.2000q", resp.StatusCode, len(line), line)
	}
}

// R17: a handler that does not listen to its context holds up its own socket only.
// A disconnect ends that context and both directions at once; the close frame waits
// for the handler.
func TestHandlerThatBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, release := quiet(), make(chan struct{})
		over := make(chan context.Context, 1)
		srv := wstest.NewServer(t, guarded(server, channels.Guard{Tags: []string{"user:1"}}, channels.HandlerFunc(
			func(ctx context.Context, s *channels.Socket) error {
				m, err := s.Read(ctx)
				if err == nil && string(m.Data) == "block" {
					over <- ctx
					<-release
					err = s.Send(ctx, channels.Text("too late"))
				}
				return err
			})))
		stuck, other := srv.Dial("/"), srv.Dial("/")
		stuck.Send("block")
		blocked := <-over
		other.Send("return")
		other.WantClose(channels.StatusNormalClosure)
		if err := server.Disconnect(t.Context(), "user:1", "enough"); err != nil {
			t.Error(err)
		}
		if blocked.Err() == nil {
			t.Error("the handler's context is not over")
		}
		// The connection is closed within a second all the same.
		start := time.Now()
		if got := stuck.WantClose(channels.StatusUnauthorized); got != "enough" {
			t.Errorf("reason %q", got)
		}
		if d := time.Since(start); d > time.Second {
			t.Errorf("closed after %v", d)
		}
		close(release)
	})
}
