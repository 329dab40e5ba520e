package wstest_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/wstest"
)

// limits are those under which the suite has to work: it sends more in a second
// than people do.
var limits = channels.Limits{MessageSize: 1 << 20, ControlsPerSecond: -1}

// A socket of a Server echoes.
func TestServerConforms(t *testing.T) {
	srv := &channels.Server{
		Upgrader: channels.Upgrader{Limits: limits, Logger: slog.New(slog.DiscardHandler)},
		Logger:   slog.New(slog.DiscardHandler),
	}
	t.Cleanup(func() { srv.Shutdown(context.Background()) })
	wstest.TestServer(t, wstest.Target{Handler: echoing(srv)}, &wstest.Conformance{MessageLimit: 1 << 20, CaseTimeout: time.Minute})
}

// A Conn of an Upgrader echoes, without a Server.
func TestUpgraderConforms(t *testing.T) {
	up := &channels.Upgrader{Limits: limits, Logger: slog.New(slog.DiscardHandler)}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := up.Upgrade(w, r)
		if err != nil {
			return
		}
		echo(r.Context(), c)
	})
	wstest.TestServer(t, wstest.Target{Handler: handler}, &wstest.Conformance{MessageLimit: 1 << 20, CaseTimeout: time.Minute})
}

// A client echoes.
func TestClientConforms(t *testing.T) {
	wstest.TestClient(t, func(ctx context.Context, url string) error {
		c, _, err := channels.Dial(ctx, url, &channels.DialOptions{Limits: limits})
		if err != nil {
			return err
		}
		return echo(ctx, c)
	}, &wstest.Conformance{MessageLimit: 1 << 20, CaseTimeout: time.Minute})
}

// echo sends back what comes, until the connection ends.
func echo(ctx context.Context, c *channels.Conn) error {
	for m, err := range c.Messages(ctx) {
		if err != nil {
			return err
		}
		if err := c.Write(ctx, m); err != nil {
			return err
		}
	}
	return io.EOF
}
