// Package http has the name of net/http's package, and its writer that of its writer.
package http

import "net/http"

type response struct {
	http.ResponseWriter
	note func(status int)
}

// Note returns a ResponseWriter that tells note of the status.
func Note(w http.ResponseWriter, note func(status int)) http.ResponseWriter {
	return &response{w, note}
}

func (w *response) WriteHeader(status int) {
	w.note(status)
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }
