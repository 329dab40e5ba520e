package wstest_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/internal/conform"
	"github.com/sluicehq/sluice/channels/wstest"
)

// A list of deviations that is too long fails, and so does one that is too short.
func TestVerdict(t *testing.T) {
	for _, test := range []struct {
		outcome conform.Outcome
		listed  bool
		verdict string
		says    string
	}{
		{conform.Passed, false, "passes", ""},
		{conform.Failed, false, "fails", "detail"},
		{conform.Failed, true, "deviates", "reason"},
		{conform.Passed, true, "fails", "strike it off"},
		{conform.Declined, true, "fails", "strike it off"},
		{conform.Declined, false, "is skipped", "declined: detail"},
	} {
		verdict, text := wstest.Verdict(conform.Result{Outcome: test.outcome, Detail: "detail"}, test.listed, "reason")
		if verdict != test.verdict || !strings.Contains(text, test.says) {
			t.Errorf("outcome %d, listed %t: %s, %q", test.outcome, test.listed, verdict, text)
		}
	}
}

func TestSkip(t *testing.T) {
	opts := &wstest.Conformance{Skip: map[string]string{
		"7692/*":                       "no compression here",
		"6455/5.5.2 ping with 0*":      "",
		"6455/5.5.2 ten pings at once": "slow",
	}}
	for name, want := range map[string]string{
		"7692/7.2 compressed text of 1 bytes": "skipped: no compression here",
		"6455/5.5.2 ping with 0 bytes":        "skipped: without a reason",
		"6455/5.5.2 ten pings at once":        "skipped: slow",
		"6455/5.5.2 ping with 1 bytes":        "",
	} {
		if got := opts.Skipped(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// A server may be anywhere, also behind TLS, and may insist on header fields.
func TestServerConformsOverTLS(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	srv := &channels.Server{Upgrader: channels.Upgrader{Logger: quiet}, Logger: quiet}
	t.Cleanup(func() { srv.Shutdown(context.Background()) })
	echo := echoing(srv)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Api-Key") != "conformance" || r.URL.Path != "/echo" {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		echo.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	wstest.TestServer(t, wstest.Target{
		URL:       "wss" + strings.TrimPrefix(server.URL, "https") + "/echo",
		Header:    http.Header{"X-Api-Key": {"conformance"}},
		TLSConfig: server.Client().Transport.(*http.Transport).TLSClientConfig,
	}, &wstest.Conformance{
		MessageLimit: messageLimit,
		CaseTimeout:  time.Minute, // where the machine is busy
		Skip:         map[string]string{"7692/*": "as without TLS", "6455/8.1 *": "as without TLS", "6455/5.4 *": "as without TLS", "6455/4*": "as without TLS"},
	})
}
