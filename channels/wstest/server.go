package wstest

import (
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/sluicehq/sluice/channels/internal/memnet"
)

// Timeout is how long a wait lasts before it fails the test.
const Timeout = 5 * time.Second

// A Server serves a handler in memory, at https://localhost, until its test ends.
// It has a [Browser] of its own, for tests of one user.
type Server struct {
	*Browser
	tb       testing.TB
	listener *memnet.Listener
}

// NewServer starts a server for h. When the test ends, it closes the server and all
// connections to it, and waits until the server has stopped. The test logs what h panics
// with; a panic in the handler of a socket is the channels.Server's to log.
func NewServer(tb testing.TB, h http.Handler) *Server {
	tb.Helper()
	if h == nil {
		tb.Fatalf("wstest.NewServer: the handler is nil")
	}
	s := &Server{tb: tb, listener: memnet.Listen()}
	panics := &panics{tb: tb}
	s.Browser = s.NewBrowser()
	hs := &http.Server{
		Handler: overTLS(panics.around(h)),
		// What a handler writes too late is the test's affair, not the log's.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	stopped := make(chan struct{})
	go func() { // ends with the listener; the cleanup waits for it
		defer close(stopped)
		hs.Serve(s.listener)
	}()
	tb.Cleanup(func() {
		s.closeBrowsers()
		hs.Close()
		<-stopped
		panics.end()
	})
	return s
}

// overTLS makes requests look as if they had come over TLS.
func overTLS(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS == nil {
			r.TLS = &tls.ConnectionState{Version: tls.VersionTLS13, HandshakeComplete: true}
		}
		h.ServeHTTP(w, r)
	})
}

// URL is where the server seems to be.
const URL = "https://localhost"

// NetConn opens a bare connection to the server, for bytes of the test's own.
func (s *Server) NetConn() net.Conn {
	s.tb.Helper()
	nc, err := s.listener.Dial(s.tb.Context())
	if err != nil {
		s.tb.Fatalf("dial: %v", err)
	}
	s.tb.Cleanup(func() { nc.Close() })
	return nc
}
