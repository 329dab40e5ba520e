package conformance

import (
	"context"
	"testing"
	"time"

	coder "github.com/coder/websocket"
	gorilla "github.com/gorilla/websocket"
	"github.com/lxzan/gws"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/wstest"
)

func TestGorillaClient(t *testing.T) {
	t.Parallel() // most of the time goes into waiting
	dialer := gorilla.Dialer{EnableCompression: true}
	judgeClient(t, "gorilla-client.txt", func(ctx context.Context, url string) error {
		c, _, err := dialer.DialContext(ctx, url, nil)
		if err != nil {
			return err
		}
		stop := context.AfterFunc(ctx, func() { c.Close() })
		defer stop()
		return echoGorilla(c)
	})
}

func TestCoderClient(t *testing.T) {
	t.Parallel() // most of the time goes into waiting
	judgeClient(t, "coder-client.txt", func(ctx context.Context, url string) error {
		c, _, err := coder.Dial(ctx, url, &coder.DialOptions{CompressionMode: coder.CompressionContextTakeover})
		if err != nil {
			return err
		}
		return echoCoder(ctx, c)
	})
}

func TestGWSClient(t *testing.T) {
	t.Parallel() // most of the time goes into waiting
	judgeClient(t, "gws-client.txt", func(ctx context.Context, url string) error {
		c, _, err := gws.NewClient(gwsEcho{}, &gws.ClientOption{
			Addr:               url,
			CheckUtf8Enabled:   true,
			ReadMaxPayloadSize: limit,
			PermessageDeflate:  gws.PermessageDeflate{Enabled: true},
			Logger:             quiet{},
		})
		if err != nil {
			return err
		}
		stop := context.AfterFunc(ctx, func() { c.NetConn().Close() })
		defer stop()
		return echoGWS(c)
	})
}

// Sluice itself, by its public API alone.
func TestSluiceClient(t *testing.T) {
	wstest.TestClient(t, func(ctx context.Context, url string) error {
		c, _, err := channels.Dial(ctx, url, &channels.DialOptions{Limits: channels.Limits{MessageSize: limit, ControlsPerSecond: -1}})
		if err != nil {
			return err
		}
		for m, err := range c.Messages(ctx) {
			if err != nil {
				return err
			}
			if err := c.Write(ctx, m); err != nil {
				return err
			}
		}
		return nil
	}, &wstest.Conformance{MessageLimit: limit, CaseTimeout: time.Minute})
}

func judgeClient(t *testing.T, deviations string, echo func(ctx context.Context, url string) error) {
	wstest.TestClient(t, echo, &wstest.Conformance{
		MessageLimit:       limit,
		RequireCompression: true,
		CaseTimeout:        patience,
		Deviations:         load(t, deviations),
	})
}
