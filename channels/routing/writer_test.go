package routing_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/channels/routing"
)

// Behind Prefix everything that net/http's writer can do is still to be had.
func TestWriterBehindPrefix(t *testing.T) {
	handlers := map[string]http.HandlerFunc{
		"controller": func(w http.ResponseWriter, _ *http.Request) {
			rc := http.NewResponseController(w)
			for what, err := range map[string]error{
				"deadline":    rc.SetWriteDeadline(time.Time{}),
				"full duplex": rc.EnableFullDuplex(),
				"flush":       rc.Flush(),
			} {
				if err != nil {
					fmt.Fprintf(w, "%s: %v\n", what, err)
				}
			}
			fmt.Fprint(w, "done")
		},
		"assertions": func(w http.ResponseWriter, _ *http.Request) {
			w.(io.ReaderFrom).ReadFrom(strings.NewReader("do"))
			w.(http.Flusher).Flush()
			w.(io.StringWriter).WriteString("ne")
		},
		"hijack": func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			defer conn.Close()
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")
		},
	}
	var routes []routing.Route
	for name, h := range handlers {
		routes = append(routes, routing.Path(name, h))
	}
	server := httptest.NewServer(routing.URLRouter(
		routing.Prefix("a/", routing.URLRouter(routing.Prefix("b/", noWrap(routing.URLRouter(routes...)))))))
	defer server.Close()
	for name := range handlers {
		t.Run(name, func(t *testing.T) {
			res, err := server.Client().Get(server.URL + "/a/b/" + name)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			body, err := io.ReadAll(res.Body)
			if err != nil || string(body) != "done" {
				t.Errorf("got %d %q, %v, want done", res.StatusCode, body, err)
			}
		})
	}
}

// noWrap is a wrapper that leaves the writer alone.
func noWrap(h http.Handler) http.Handler {
	return http.HandlerFunc(h.ServeHTTP)
}

// A connection that a wrapper has taken over is nobody else's.
func TestNoFallThroughAfterHijack(t *testing.T) {
	inner := routing.URLRouter()
	take := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Errorf("hijack: %v", err)
			return
		}
		conn.Close()
		inner.ServeHTTP(w, r)
	})
	outer := routing.URLRouter(
		routing.Prefix("a/", take),
		routing.Path("a/b", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the outer router went on") })),
	)
	outer.ServeHTTP(hijackable{httptest.NewRecorder()}, httptest.NewRequest("GET", "/a/b", nil))
}

type hijackable struct{ *httptest.ResponseRecorder }

func (hijackable) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	here, there := net.Pipe()
	there.Close()
	return here, nil, nil
}

// A writer that cannot be taken over says so in the way that net/http does.
func TestHijackNotSupported(t *testing.T) {
	router := routing.URLRouter(routing.Prefix("", noWrap(routing.URLRouter(
		routing.Path("x", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if _, _, err := http.NewResponseController(w).Hijack(); !errors.Is(err, http.ErrNotSupported) {
				t.Errorf("Hijack: %v, want ErrNotSupported", err)
			}
			w.WriteHeader(http.StatusTeapot)
		}))))))
	if got := do(router, "/x"); got.Status != http.StatusTeapot {
		t.Errorf("status %d, want 418", got.Status)
	}
}
