package gateway

import (
	"bytes"
	"io"
	"log"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/channels/internal/memnet"
)

// WithExtendedConnect runs f in a process whose net/http has extended CONNECT on, which
// is a setting of the environment: in this one, or in another that runs the same test.
// F must run subtests.
func WithExtendedConnect(t *testing.T, f func(t *testing.T)) {
	const setting = "http2xconnect=1"
	if strings.Contains(os.Getenv("GODEBUG"), setting) {
		f(t)
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), "GODEBUG="+setting)
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS: "+t.Name()+"/")) {
		t.Errorf("%v\n%s", err, out)
	}
}

// NewServer serves hs over HTTP/2, without TLS, until the test ends. It returns the
// listener of a gateway to it: who dials that speaks HTTP/1.1.
func NewServer(t *testing.T, hs *http.Server) *memnet.Listener {
	t.Helper()
	hs.Protocols = new(http.Protocols)
	hs.Protocols.SetUnencryptedHTTP2(true)
	hs.ErrorLog = log.New(io.Discard, "", 0)
	back, front := memnet.Listen(), memnet.Listen()
	served, passed := make(chan error, 1), make(chan error, 1)
	go func() { served <- hs.Serve(back) }()
	nc, err := back.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	go func() { passed <- Serve(front, nc) }()
	t.Cleanup(func() {
		front.Close()
		hs.Close()
		<-served
		if err := <-passed; err != nil {
			t.Error(err)
		}
	})
	return front
}
