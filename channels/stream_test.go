package channels_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/internal/gateway"
	"github.com/sluicehq/sluice/channels/internal/memnet"
)

func dialHTTP2(t *testing.T, l *memnet.Listener, opts channels.DialOptions) (*channels.Conn, *http.Response, error) {
	t.Helper()
	opts.NetDial = func(ctx context.Context, _, _ string) (net.Conn, error) { return l.Dial(ctx) }
	c, res, err := channels.Dial(t.Context(), "ws://localhost/room/?x=1", &opts)
	if err == nil {
		t.Cleanup(func() { c.CloseNow() })
	}
	return c, res, err
}

func TestHTTP2(t *testing.T) {
	gateway.WithExtendedConnect(t, func(t *testing.T) {
		t.Run("echo", func(t *testing.T) { synctest.Test(t, testHTTP2Echo) })
		t.Run("refusals", func(t *testing.T) { synctest.Test(t, testHTTP2Refusals) })
		t.Run("ends", func(t *testing.T) { synctest.Test(t, testHTTP2Ends) })
		t.Run("stuck peer", func(t *testing.T) { synctest.Test(t, testHTTP2StuckPeer) })
		t.Run("shutdown", func(t *testing.T) { synctest.Test(t, testHTTP2Shutdown) })
	})
}

// Many sockets on one connection, small messages and large ones, with compression.
func testHTTP2Echo(t *testing.T) {
	server := quiet()
	server.Upgrader.Subprotocols = []string{"chat"}
	server.Upgrader.Compression = channels.Compression{Mode: channels.ContextTakeover}
	server.Upgrader.Limits.MessageSize = 4 << 20
	l := gateway.NewServer(t, &http.Server{
		Handler: server.HandlerFunc(echo),
		// The limits are those of requests, which sockets outlive.
		ReadTimeout: time.Second, WriteTimeout: time.Second,
	})
	for range 2 {
		c, res, err := dialHTTP2(t, l, channels.DialOptions{
			Subprotocols: []string{"chat"},
			Compression:  channels.Compression{Mode: channels.ContextTakeover},
			Limits:       channels.Limits{MessageSize: 4 << 20},
		})
		if err != nil {
			t.Fatal(err)
		}
		if c.Subprotocol() != "chat" || !strings.Contains(res.Header.Get("Sec-WebSocket-Extensions"), "permessage-deflate") {
			t.Errorf("agreed on %q and %v", c.Subprotocol(), res.Header)
		}
		time.Sleep(20 * time.Second)
		for _, size := range []int{0, 1, 125, 70_000, 1 << 20} {
			m := channels.Binary(bytes.Repeat([]byte("sluice "), size/7+1)[:size])
			if err := c.Write(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			got, err := c.Read(t.Context())
			if err != nil || !bytes.Equal(got.Data, m.Data) {
				t.Fatalf("%d bytes: %d came back, %v", size, len(got.Data), err)
			}
		}
	}
}

// A refusal leaves the connection to the other streams.
func testHTTP2Refusals(t *testing.T) {
	l := gateway.NewServer(t, &http.Server{Handler: quiet().HandlerFunc(echo)})
	c, _, err := dialHTTP2(t, l, channels.DialOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		opts   channels.DialOptions
		status int
	}{
		{channels.DialOptions{Origin: "https://evil.example"}, http.StatusForbidden},
		{channels.DialOptions{Header: http.Header{"Origin": nil, "Cookie": {"a=b"}}}, http.StatusForbidden},
	} {
		if _, res, err := dialHTTP2(t, l, tt.opts); err == nil || res == nil || res.StatusCode != tt.status {
			t.Errorf("%v: %v, %v; want status %d", tt.opts, res, err, tt.status)
		}
	}
	if err := c.Write(t.Context(), channels.Text("still here")); err != nil {
		t.Fatal(err)
	}
	if m, err := c.Read(t.Context()); err != nil || string(m.Data) != "still here" {
		t.Errorf("%q, %v", m.Data, err)
	}
}

// However a socket ends, the peer is told, and ServeHTTP returns.
func testHTTP2Ends(t *testing.T) {
	server := quiet()
	returned := make(chan struct{}, 1)
	h := server.HandlerFunc(echo)
	l := gateway.NewServer(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r)
		returned <- struct{}{}
	})})
	end := map[string]func(c *channels.Conn){
		"return":  func(c *channels.Conn) { c.Write(t.Context(), channels.Text("return")) },
		"panic":   func(c *channels.Conn) { c.Write(t.Context(), channels.Text("panic")) },
		"client":  func(c *channels.Conn) { go c.Close(channels.StatusGoingAway, "") },
		"unclean": func(c *channels.Conn) { c.CloseNow() },
		"the server's": func(c *channels.Conn) {
			c.Write(t.Context(), channels.Text("hello"))
			c.Read(t.Context()) // the server has answered before, but may not know the socket yet
			for s := range server.Sockets() {
				s.Close(4000, "enough")
			}
		},
	}
	want := map[string]channels.StatusCode{
		"return": channels.StatusNormalClosure, "panic": channels.StatusInternalError, "the server's": 4000,
	}
	for name, f := range end {
		c, _, err := dialHTTP2(t, l, channels.DialOptions{})
		if err != nil {
			t.Fatal(err)
		}
		f(c)
		_, err = c.Read(t.Context())
		var ce *channels.CloseError
		if code := want[name]; code != 0 && (!errors.As(err, &ce) || ce.Code != code) {
			t.Errorf("%s: %v, want %v", name, err, code)
		}
		start := time.Now()
		<-returned
		if wait := time.Since(start); wait > 10*time.Second {
			t.Errorf("%s: ServeHTTP returned after %v", name, wait)
		}
	}
}

// R5: a peer that reads nothing is given up, and takes nobody with it.
func testHTTP2StuckPeer(t *testing.T) {
	server := quiet()
	server.Queue.Bytes = 1 << 20
	cause := make(chan error, 1)
	l := gateway.NewServer(t, &http.Server{Handler: server.HandlerFunc(func(ctx context.Context, s *channels.Socket) error {
		for s.Send(ctx, channels.Binary(make([]byte, 64<<10))) == nil && s.Flush(ctx) == nil {
		}
		cause <- context.Cause(ctx)
		return nil
	})})
	nc, err := l.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	io.WriteString(nc, "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	start := time.Now()
	if err := <-cause; err == nil || time.Since(start) > time.Minute {
		t.Errorf("given up after %v: %v", time.Since(start), err)
	}
}

func testHTTP2Shutdown(t *testing.T) {
	server := quiet()
	hs := &http.Server{Handler: server.HandlerFunc(echo)}
	l := gateway.NewServer(t, hs)
	c, _, err := dialHTTP2(t, l, channels.DialOptions{})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- channels.ShutdownAll(t.Context(), hs, server) }()
	_, err = c.Read(t.Context())
	var ce *channels.CloseError
	if !errors.As(err, &ce) || ce.Code != channels.StatusServiceRestart {
		t.Errorf("%v, want 1012", err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
