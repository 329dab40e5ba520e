package routing

import (
	"bufio"
	"io"
	"net"
	"net/http"
)

// A writer knows whether a response has begun. What could begin one behind its
// back has a method here; the rest is found by Unwrap.
type writer struct {
	http.ResponseWriter
	nesting *nesting
	wrote   bool
}

// empty reports whether a 200 or an empty body at this point says nothing: the
// router inside had no match, and a wrapper that buffers passes on what it was
// given, as http.TimeoutHandler does.
func (w *writer) empty() bool { return !w.wrote && w.nesting.unmatched.Load() }

// Unwrap lets [http.ResponseController] find what is below.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *writer) WriteHeader(status int) {
	if status == http.StatusOK && w.empty() {
		return
	}
	// RFC 9110, Section 15.2: an interim response is not the answer; 101 is.
	if status >= 200 || status == http.StatusSwitchingProtocols {
		w.wrote = true
	}
	w.ResponseWriter.WriteHeader(status)
}

// SwitchProtocols implements channels.Switcher: the hijack that follows is what
// counts.
func (w *writer) SwitchProtocols() error { return nil }

func (w *writer) Write(b []byte) (int, error) {
	if len(b) == 0 && w.empty() {
		return 0, nil
	}
	w.wrote = true
	return w.ResponseWriter.Write(b)
}

// WriteString and ReadFrom keep the fast paths of io.WriteString and io.Copy.
func (w *writer) WriteString(s string) (int, error) {
	if s == "" && w.empty() {
		return 0, nil
	}
	w.wrote = true
	return io.WriteString(w.ResponseWriter, s)
}

func (w *writer) ReadFrom(src io.Reader) (int64, error) {
	w.wrote = true
	return io.Copy(w.ResponseWriter, src)
}

// Flush is for handlers that ask for an [http.Flusher]. The error has nowhere to
// go there.
func (w *writer) Flush() { _ = w.FlushError() }

// FlushError is what [http.ResponseController.Flush] calls.
func (w *writer) FlushError() error {
	w.wrote = true
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Hijack is what [http.ResponseController.Hijack] calls. A connection that could
// not be taken over can still be answered.
func (w *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil {
		w.wrote = true
	}
	return conn, rw, err
}
