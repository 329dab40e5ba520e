package e2e_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/sluicehq/sluice/channels/wstest"
)

// The demo's echo, a process of its own, is judged by its URL, as a server in any
// language would be.
func TestDemoConforms(t *testing.T) {
	d := startDemo(t)
	wstest.TestServer(t, wstest.Target{
		URL:    d.socketURL("/echo"),
		Header: http.Header{"Origin": {d.origin()}},
	}, &wstest.Conformance{MessageLimit: 16 << 20, RequireCompression: true, CaseTimeout: time.Minute})
}
