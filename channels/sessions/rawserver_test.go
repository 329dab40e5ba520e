package sessions_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/sluicehq/sluice/channels/internal/memnet"
)

// A server on a network in memory, and raw requests to it.
type server struct{ l *memnet.Listener }

func newServer(t *testing.T, h http.Handler) *server {
	t.Helper()
	l := memnet.Listen()
	srv := &http.Server{Handler: h}
	done := make(chan struct{})
	go func() { // ends with Close, which the cleanup waits for
		defer close(done)
		srv.Serve(l)
	}()
	t.Cleanup(func() {
		srv.Close()
		<-done
	})
	return &server{l}
}

// get sends a GET with some more header lines and returns the final response.
func (s *server) get(t *testing.T, path, header string) *http.Response {
	t.Helper()
	conn, err := s.l.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: example.com\r\n"+header+"\r\n")
	res := readResponse(t, conn)
	body, err := io.ReadAll(res.Body) // the body ends when the handler has returned
	if err != nil {
		t.Fatal(err)
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	return res
}

func readResponse(t *testing.T, conn net.Conn) *http.Response {
	t.Helper()
	br := bufio.NewReader(conn)
	for {
		res, err := http.ReadResponse(br, nil)
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode < 200 && res.StatusCode != 101 {
			continue
		}
		return res
	}
}
