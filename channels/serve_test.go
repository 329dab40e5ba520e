package channels_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/internal/memnet"
	"github.com/sluicehq/sluice/channels/wstest"
)

// lines is a MessageConn of lines of text.
type lines struct {
	nc net.Conn
	br *bufio.Reader
}

func (l *lines) Read(context.Context) (channels.Message, error) {
	s, err := l.br.ReadString('\n')
	return channels.Text(strings.TrimSpace(s)), err
}

func (l *lines) Write(_ context.Context, m channels.Message) error {
	_, err := fmt.Fprintf(l.nc, "%s\n", m.Data)
	return err
}

func (l *lines) Close(code channels.StatusCode, reason string) error {
	_, err := fmt.Fprintf(l.nc, "bye %d %s\n", code, reason)
	return err
}

// lineProtocol asks for a name, which becomes a tag.
var lineProtocol = channels.Protocol{
	Name: "lines",
	Open: func(ctx context.Context, nc net.Conn) (context.Context, channels.MessageConn, error) {
		l := &lines{nc, bufio.NewReader(nc)}
		m, err := l.Read(ctx)
		if err != nil {
			return nil, nil, err
		}
		if string(m.Data) == "nobody" {
			return nil, nil, errors.New("no such user")
		}
		scope, _ := channels.ScopeFrom(ctx)
		scope.Guard("lines", channels.Guard{Tags: []string{"user:" + string(m.Data)}})
		return ctx, l, nil
	},
}

// The same consumer serves a WebSocket and lines over TCP: same groups, same
// revocation, same shutdown.
func TestServe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := quiet()
		h := channels.Consume(func() *room { return &room{server, new(journal), "lobby"} })
		l := memnet.Listen()
		served := make(chan error)
		go func() { served <- server.Serve(l, lineProtocol, h) }()
		srv := wstest.NewServer(t, server.Handler(h))
		web := srv.Dial("/")

		dial := func(name string) (net.Conn, *bufio.Reader) {
			nc, err := l.Dial(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(nc, "%s\n", name)
			return nc, bufio.NewReader(nc)
		}
		want := func(br *bufio.Reader, want string) {
			t.Helper()
			if got, err := br.ReadString('\n'); strings.TrimSpace(got) != want {
				t.Fatalf("got %q, %v; want %q", got, err, want)
			}
		}
		alice, fromAlice := dial("alice")
		_, fromBob := dial("bob")
		synctest.Wait()
		fmt.Fprintf(alice, "hello\n")
		want(fromAlice, "hello")
		want(fromBob, "hello")
		web.Want("hello")
		web.Send("event:x")
		want(fromBob, "note x")
		want(fromAlice, "note x")
		web.Want("note x")

		if err := server.Disconnect(t.Context(), "user:bob", "revoked"); err != nil {
			t.Fatal(err)
		}
		want(fromBob, "bye 3000 revoked")
		if _, err := fromBob.ReadByte(); err != io.EOF {
			t.Errorf("bob's connection: %v, want EOF", err)
		}

		_, fromNobody := dial("nobody")
		if _, err := fromNobody.ReadByte(); err != io.EOF {
			t.Errorf("nobody's connection: %v, want EOF", err)
		}

		go web.Discard(t.Context())
		done := make(chan error)
		go func() { done <- server.Shutdown(t.Context()) }()
		want(fromAlice, "bye 1012 the server restarts")
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, channels.ErrDraining) {
			t.Errorf("Serve returned %v", err)
		}
	})
}

// A client that says nothing is not waited for longer than OpenTimeout, and holds
// nothing up.
func TestServeOpenTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := quiet()
		l := memnet.Listen()
		served := make(chan error)
		go func() { served <- server.Serve(l, lineProtocol, channels.HandlerFunc(echo)) }()
		nc, _ := l.Dial(t.Context())
		start := time.Now()
		if _, err := nc.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("read: %v, want EOF", err)
		}
		if d := time.Since(start); d != 10*time.Second {
			t.Errorf("closed after %v, want 10 s", d)
		}
		if err := server.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		<-served
	})
}
