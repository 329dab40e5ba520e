package auth

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
)

// A responseWriter finds out who the user is before a handshake is accepted, when its
// checks have passed, and replaces responses that were made without knowing. It is
// used by one goroutine at a time, as any other.
type responseWriter struct {
	http.ResponseWriter
	request *http.Request
	user    interface {
		holder
		failure(status int) error
		deny(w http.ResponseWriter, r *http.Request, err error)
	}
	begun bool
	err   error // the response is another one
}

// Unwrap is for http.ResponseController.
func (w *responseWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *responseWriter) WriteHeader(status int) {
	// RFC 9110, Section 15.2: an informational response is not the answer; 101 is.
	informational := status >= 100 && status <= 199 && status != http.StatusSwitchingProtocols
	if !informational && w.begin(status) != nil {
		return
	}
	w.ResponseWriter.WriteHeader(status)
}

// SwitchProtocols implements channels.Switcher.
func (w *responseWriter) SwitchProtocols() error { return w.begin(http.StatusSwitchingProtocols) }

func (w *responseWriter) Write(p []byte) (int, error) {
	if err := w.begin(http.StatusOK); err != nil {
		return 0, err
	}
	return w.ResponseWriter.Write(p)
}

// WriteString spares a copy, if the writer below does.
func (w *responseWriter) WriteString(s string) (int, error) {
	if err := w.begin(http.StatusOK); err != nil {
		return 0, err
	}
	return io.WriteString(w.ResponseWriter, s)
}

// ReadFrom lets net/http send files without copying them.
func (w *responseWriter) ReadFrom(r io.Reader) (int64, error) {
	if err := w.begin(http.StatusOK); err != nil {
		return 0, err
	}
	return io.Copy(w.ResponseWriter, r)
}

func (w *responseWriter) Flush() { w.FlushError() }

func (w *responseWriter) FlushError() error {
	if err := w.begin(http.StatusOK); err != nil {
		return err
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}

func (w *responseWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if err := w.begin(http.StatusSwitchingProtocols); err != nil {
		return nil, nil, err
	}
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

// begin runs before the header is written, and may answer in place of the handler.
func (w *responseWriter) begin(status int) error {
	if w.begun {
		return w.err
	}
	w.begun = true
	if w.accepts(status) {
		_, _, w.err = w.user.current(w.request.Context())
	} else {
		w.err = w.user.failure(status)
	}
	if w.err != nil {
		dropRepresentation(w.Header())
		w.user.deny(w.ResponseWriter, w.request, w.err)
	}
	return w.err
}

// accepts reports whether a status makes a socket of the request: 101, and over HTTP/2
// a 2xx to CONNECT (RFC 8441, Section 5).
func (w *responseWriter) accepts(status int) bool {
	return status == http.StatusSwitchingProtocols ||
		w.request.Method == http.MethodConnect && status >= 200 && status <= 299
}

// finish runs when the handler has returned.
func (w *responseWriter) finish() {
	if !w.begun {
		w.begin(http.StatusOK)
	}
}

// dropRepresentation removes the fields that belong to a response that is not sent.
func dropRepresentation(h http.Header) {
	for name := range h {
		switch name {
		case "Content-Security-Policy", "Content-Security-Policy-Report-Only":
			continue
		case "Location", "Refresh", "Link", "Etag", "Last-Modified", "Expires", "Age",
			"Accept-Ranges", "Trailer", "Transfer-Encoding", "Upgrade", "Connection":
			delete(h, name)
		}
		if lower := strings.ToLower(name); strings.HasPrefix(lower, "content-") || strings.HasPrefix(lower, "sec-websocket-") {
			delete(h, name)
		}
	}
}
