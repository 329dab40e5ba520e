package wstest_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/internal/gateway"
	"github.com/sluicehq/sluice/channels/wstest"
)

const messageLimit = 1 << 20

// limits are those under which the suite has to work: it sends more in a second
// than people do.
var limits = channels.Limits{MessageSize: messageLimit, ControlsPerSecond: -1}

// compressions are how Sluice can be told to compress; everything is, so that each
// echo shows it.
var compressions = map[string]channels.Compression{
	"uncompressed":     {},
	"without takeover": {Mode: channels.NoContextTakeover, Threshold: -1},
	"with takeover":    {Mode: channels.ContextTakeover, Threshold: -1},
}

// expecting is what the suite may expect of Sluice, which is not to be silent
// anywhere: what takes long does so because the machine is busy.
func expecting(c channels.Compression) *wstest.Conformance {
	return &wstest.Conformance{
		MessageLimit:       messageLimit,
		RequireCompression: c.Mode != channels.NoCompression,
		CaseTimeout:        time.Minute,
	}
}

// A socket of a Server echoes.
func TestServerConforms(t *testing.T) {
	for name, compression := range compressions {
		t.Run(name, func(t *testing.T) {
			srv := &channels.Server{
				Upgrader: channels.Upgrader{Limits: limits, Compression: compression, Logger: slog.New(slog.DiscardHandler)},
				Logger:   slog.New(slog.DiscardHandler),
			}
			t.Cleanup(func() { srv.Shutdown(context.Background()) })
			expected := expecting(compression)
			wstest.TestServer(t, wstest.Target{Handler: echoing(srv)}, expected)
		})
	}
}

// A Conn of an Upgrader echoes, without a Server.
func TestUpgraderConforms(t *testing.T) {
	compression := compressions["without takeover"]
	up := &channels.Upgrader{Limits: limits, Compression: compression, Logger: slog.New(slog.DiscardHandler)}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := up.Upgrade(w, r)
		if err != nil {
			return
		}
		echo(r.Context(), c)
	})
	expected := expecting(compression)
	wstest.TestServer(t, wstest.Target{Handler: handler}, expected)
}

// A socket of a Server echoes, over HTTP/2 (RFC 8441).
func TestHTTP2Conforms(t *testing.T) {
	gateway.WithExtendedConnect(t, func(t *testing.T) {
		compression := compressions["with takeover"]
		srv := &channels.Server{
			Upgrader: channels.Upgrader{Limits: limits, Compression: compression, Logger: slog.New(slog.DiscardHandler)},
			Logger:   slog.New(slog.DiscardHandler),
		}
		l := gateway.NewServer(t, &http.Server{Handler: echoing(srv)})
		expected := expecting(compression)
		expected.Skip = map[string]string{
			"6455/4.2.1 refusal: *":                            "HTTP/2 has no Upgrade and no key",
			"6455/4.4 refusal: *":                              "HTTP/2 has no 426",
			"9110/7.8 refusal: *":                              "HTTP/2 has no Upgrade",
			"6455/9.1 bad extensions, bytes that are no token": "net/http refuses them",
		}
		target := wstest.Target{URL: "ws://localhost/", NetDial: func(ctx context.Context, _, _ string) (net.Conn, error) { return l.Dial(ctx) }}
		wstest.TestServer(t, target, expected)
	})
}

// A client echoes.
func TestClientConforms(t *testing.T) {
	for name, compression := range compressions {
		t.Run(name, func(t *testing.T) {
			wstest.TestClient(t, func(ctx context.Context, url string) error {
				c, _, err := channels.Dial(ctx, url, &channels.DialOptions{Limits: limits, Compression: compression})
				if err != nil {
					return err
				}
				return echo(ctx, c)
			}, expecting(compression))
		})
	}
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
