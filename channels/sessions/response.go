package sessions

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/sluicehq/sluice/channels"
)

// A responseWriter saves the session before the header is written, or the
// connection hijacked. It is used by one goroutine at a time, as any other.
type responseWriter struct {
	http.ResponseWriter
	session  *Session
	request  *http.Request
	cookies  []string // the session's, until it needs them no more
	begun    bool     // the final header was written
	socket   bool     // the connection is no longer HTTP
	returned bool     // the handler returned, did not panic
	err      error    // the session was not saved: the response is another one
}

// Unwrap is for http.ResponseController.
func (w *responseWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *responseWriter) WriteHeader(status int) {
	// An informational response is not the answer, except 101 (RFC 9110, Section
	// 15.2): the session can be saved after it.
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

// Hijack saves the session first, if the header has not been written: the cookie is
// then among the header's fields, and goes out if the hijacker sends them.
func (w *responseWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	raw := !w.begun
	if err := w.begin(http.StatusSwitchingProtocols); err != nil {
		return nil, nil, err
	}
	w.socket = true
	if raw && len(w.Header()["Set-Cookie"]) > 0 {
		w.session.rules.log().Warn("sessions: the connection was hijacked before the header was written: cookies are lost unless the hijacker sends them")
	}
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

// begin saves the session, once. If that fails, it answers in place of the handler,
// whose further writes get the error.
func (w *responseWriter) begin(status int) error {
	if w.begun {
		return w.err
	}
	w.begun = true
	w.socket = acceptedHandshake(w.request, status)
	err := w.session.commit(w.request, w.Header(), status)
	if err == nil {
		return nil
	}
	w.err = fmt.Errorf("sessions: the response was replaced: %w", err)
	w.socket = false
	scope, _ := channels.ScopeFrom(w.request.Context())
	w.session.rules.log().Error("sessions: not saved, the response is replaced", "err", err, "scope", scope)
	dropRepresentation(w.Header())
	w.Header().Set("Cache-Control", "no-store")
	w.session.rules.refuse(w.ResponseWriter, w.request, err)
	return w.err
}

// dropRepresentation removes the fields that belong to a response that is not sent.
// Those that a middleware sets for every response stay.
func dropRepresentation(h http.Header) {
	for name := range h {
		switch name {
		case "Content-Security-Policy", "Content-Security-Policy-Report-Only":
			continue
		case "Set-Cookie", "Location", "Refresh", "Link", "Etag", "Last-Modified", "Expires", "Age",
			"Accept-Ranges", "Trailer", "Transfer-Encoding", "Upgrade", "Connection":
			delete(h, name)
		}
		if strings.HasPrefix(name, "Content-") || strings.HasPrefix(name, "Sec-Websocket-") {
			delete(h, name)
		}
	}
}

// finish runs when the handler has returned, or panics.
func (w *responseWriter) finish() {
	switch {
	case !w.begun && w.returned:
		w.begin(http.StatusOK)
	case !w.begun:
		// A panic: nothing is saved, but who was logged out is logged out. The
		// field is for a middleware outside that recovers and answers.
		w.begun = true
		if err := w.session.commit(w.request, w.Header(), http.StatusInternalServerError); err != nil {
			w.session.rules.log().Error("sessions: the handler panicked, and its Destroy was not saved", "err", err)
		}
	case !w.socket && w.err == nil:
		w.session.late(w.request.Context())
	}
}
