package wstest_test

import (
	"context"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/wstest"
)

// echoHandler is the server to be judged: any http.Handler that sends messages
// back, with whatever library.
func echoHandler() http.Handler {
	var up channels.Upgrader
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := up.Upgrade(w, r)
		if err != nil {
			return
		}
		defer c.CloseNow()
		for m, err := range c.Messages(r.Context()) {
			if err != nil {
				return
			}
			if err := c.Write(r.Context(), m); err != nil {
				return
			}
		}
	})
}

// In a package's own tests this is all it takes to judge a server by RFC 6455 and
// RFC 7692.
func ExampleTestServer() {
	TestEcho := func(t *testing.T) {
		wstest.TestServer(t, wstest.Target{Handler: echoHandler()}, &wstest.Conformance{
			MessageLimit: 1 << 20,
			Skip:         map[string]string{"7692/*": "compression is off"},
			Deviations:   map[string]string{
				// "6455/5.2 not minimal 5 in 16 bits text": "issue 123",
			},
		})
	}
	_ = TestEcho
}

// A server may be written in any language, and run anywhere: start it, and say where
// it is.
//
//	ECHO_URL=ws://127.0.0.1:8080/echo go test -run TestEcho
func ExampleTestServer_anyLanguage() {
	TestEcho := func(t *testing.T) {
		url := os.Getenv("ECHO_URL")
		if url == "" {
			t.Skip("ECHO_URL is not set")
		}
		wstest.TestServer(t, wstest.Target{URL: url}, &wstest.Conformance{
			CaseTimeout: 2 * time.Second, // while there is much to mend
		})
	}
	_ = TestEcho
}

// A client is judged by a function that connects, echoes and returns.
func ExampleTestClient() {
	TestEcho := func(t *testing.T) {
		wstest.TestClient(t, func(ctx context.Context, url string) error {
			c, _, err := channels.Dial(ctx, url, nil)
			if err != nil {
				return err
			}
			defer c.CloseNow()
			for {
				m, err := c.Read(ctx)
				if err != nil {
					return err
				}
				if err := c.Write(ctx, m); err != nil {
					return err
				}
			}
		}, &wstest.Conformance{MessageLimit: 1 << 20})
	}
	_ = TestEcho
}
