package wstest

import (
	"context"
	"net"
	"net/http"
	"testing"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/internal/memnet"
)

// Pipe returns the two ends of a WebSocket connection in memory, made by u, or by a
// zero Upgrader when u is nil. They are closed when the test ends.
func Pipe(tb testing.TB, u *channels.Upgrader) (client, server *channels.Conn) {
	tb.Helper()
	if u == nil {
		u = new(channels.Upgrader)
	}
	l := memnet.Listen()
	accepted := make(chan *channels.Conn, 1)
	hs := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := u.Upgrade(w, r); err == nil {
			accepted <- c
		}
	})}
	stopped := make(chan struct{})
	go func() { // ends with the listener, below
		defer close(stopped)
		hs.Serve(l)
	}()
	ctx, cancel := within()
	defer cancel()
	client, resp, err := channels.Dial(ctx, "ws://localhost/", &channels.DialOptions{
		NetDial:     func(ctx context.Context, _, _ string) (net.Conn, error) { return l.Dial(ctx) },
		Compression: u.Compression, Subprotocols: u.Subprotocols,
	})
	if err != nil {
		tb.Fatalf("pipe: %v%s", err, answer(resp))
	}
	server = <-accepted
	hs.Close()
	<-stopped
	tb.Cleanup(func() {
		client.CloseNow()
		server.CloseNow()
	})
	return client, server
}
