package compat

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/gorilla/handlers"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/wstest"
	named "github.com/sluicehq/sluice/compat/internal/http"
)

// A statusWriter is what many write themselves: it notes the status and has an Unwrap
// method.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// A hijackWriter is one from before there was Unwrap.
type hijackWriter struct{ http.ResponseWriter }

func (w hijackWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return w.ResponseWriter.(http.Hijacker).Hijack()
}

// noted writes a line on each request that has been served.
func noted(log io.Writer) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			sw := &statusWriter{ResponseWriter: w}
			next.ServeHTTP(sw, r)
			fmt.Fprintln(log, r.URL.Path, sw.status)
		})
	}
}

func namesake(log io.Writer) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(named.Note(w, func(status int) { fmt.Fprintln(log, r.URL.Path, status) }), r)
		})
	}
}

func hijackable(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(hijackWriter{w}, r) })
}

func maxBytes(next http.Handler) http.Handler { return http.MaxBytesHandler(next, 1<<10) }

func chiLogger(w io.Writer) func(http.Handler) http.Handler {
	return middleware.RequestLogger(&middleware.DefaultLogFormatter{Logger: log.New(w, "", 0), NoColor: true})
}

var middlewareTests = []struct {
	name string
	list func(log io.Writer) chi.Middlewares // made anew for each test
	want string                              // in the log, once the handshake has been answered
}{
	{"an Unwrap method", func(log io.Writer) chi.Middlewares { return chi.Chain(noted(log)) }, "/ws 101\n"},
	{"an Unwrap method, and net/http's name", func(log io.Writer) chi.Middlewares { return chi.Chain(namesake(log)) }, "/ws 101\n"},
	{"a Hijack method", func(io.Writer) chi.Middlewares { return chi.Chain(hijackable) }, ""},
	{"net/http MaxBytesHandler", func(io.Writer) chi.Middlewares { return chi.Chain(maxBytes) }, ""},
	{"net/http CrossOriginProtection", func(io.Writer) chi.Middlewares {
		return chi.Chain(http.NewCrossOriginProtection().Handler)
	}, ""},

	{"chi Logger", func(log io.Writer) chi.Middlewares { return chi.Chain(chiLogger(log)) }, `/ws HTTP/1.1" from 127.0.0.1:40002 - 101 0B in `},
	{"chi Recoverer", func(io.Writer) chi.Middlewares { return chi.Chain(middleware.Recoverer) }, ""},
	{"chi Compress", func(io.Writer) chi.Middlewares { return chi.Chain(middleware.Compress(5)) }, ""},
	{"chi RequestID", func(io.Writer) chi.Middlewares { return chi.Chain(middleware.RequestID) }, ""},
	{"chi Timeout", func(io.Writer) chi.Middlewares { return chi.Chain(middleware.Timeout(time.Second)) }, ""},
	{"chi Throttle", func(io.Writer) chi.Middlewares { return chi.Chain(middleware.Throttle(1)) }, ""}, // sockets hold no place
	{"chi NoCache", func(io.Writer) chi.Middlewares { return chi.Chain(middleware.NoCache) }, ""},
	{"chi StripSlashes", func(io.Writer) chi.Middlewares { return chi.Chain(middleware.StripSlashes) }, ""},
	{"chi RequestSize", func(io.Writer) chi.Middlewares { return chi.Chain(middleware.RequestSize(1 << 10)) }, ""},
	{"chi, as in its README", func(log io.Writer) chi.Middlewares {
		return chi.Chain(middleware.RequestID, chiLogger(log), middleware.Recoverer, middleware.Compress(5), middleware.Timeout(time.Second))
	}, "- 101 0B in "},

	{"gorilla LoggingHandler", func(log io.Writer) chi.Middlewares {
		return chi.Chain(func(next http.Handler) http.Handler { return handlers.LoggingHandler(log, next) })
	}, `"GET /ws HTTP/1.1" 101 0`},
	{"gorilla CombinedLoggingHandler", func(log io.Writer) chi.Middlewares {
		return chi.Chain(func(next http.Handler) http.Handler { return handlers.CombinedLoggingHandler(log, next) })
	}, `"GET /ws HTTP/1.1" 101 0`},
	{"gorilla CompressHandler", func(io.Writer) chi.Middlewares { return chi.Chain(handlers.CompressHandler) }, ""},
	{"gorilla RecoveryHandler", func(io.Writer) chi.Middlewares { return chi.Chain(handlers.RecoveryHandler()) }, ""},
	{"gorilla ProxyHeaders", func(io.Writer) chi.Middlewares { return chi.Chain(handlers.ProxyHeaders) }, ""},
	{"gorilla CORS", func(io.Writer) chi.Middlewares {
		return chi.Chain(handlers.CORS(handlers.AllowedOrigins([]string{"https://localhost"}), handlers.AllowCredentials()))
	}, ""},
}

// counting tells how many requests are being served.
func counting(next http.Handler, running *atomic.Int64) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		running.Add(1)
		defer running.Add(-1)
		next.ServeHTTP(w, r)
	})
}

// Behind each middleware, around the stack and within it, sockets open, their requests
// end, and they live on until they end by themselves.
func TestMiddleware(t *testing.T) {
	for _, tt := range middlewareTests {
		for _, where := range []string{"around", "within"} {
			t.Run(tt.name+"/"+where, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var log syncBuffer
					var running atomic.Int64
					a := newApp(t, quiet(), pathValue)
					var h http.Handler = serveMux(a, "GET /ws")
					if where == "within" {
						h = a.stack(tt.list(&log).Handler(h))
					} else {
						h = tt.list(&log).Handler(a.stack(h))
					}
					useSockets(t, wstest.NewServer(t, counting(h, &running)), &running)
					if got := log.String(); !strings.Contains(got, tt.want) {
						t.Errorf("the log lacks %q:\n%s", tt.want, got)
					}
					if n := running.Load(); n != 0 {
						t.Errorf("%d requests are still served", n)
					}
				})
			})
		}
	}
}

// useSockets opens sockets as a browser does, and lets them live.
func useSockets(t *testing.T, site *wstest.Server, running *atomic.Int64) {
	t.Helper()
	asBrowser := func(opts *channels.DialOptions) {
		opts.Header = http.Header{"Accept-Encoding": {"gzip, deflate, br"}, "X-Forwarded-For": {"192.0.2.1"}}
	}
	if got := site.DialRefused("/ws", asBrowser).StatusCode; got != http.StatusUnauthorized {
		t.Errorf("nobody: %d, want 401", got)
	}
	synctest.Wait() // until the request has ended, here and below
	logIn(t, site)
	synctest.Wait()
	c := site.Dial("/ws", asBrowser)
	synctest.Wait()
	other := site.Dial("/ws", asBrowser)
	synctest.Wait()
	if n := running.Load(); n != 0 {
		t.Errorf("%d requests are still served when the sockets are open", n)
	}
	var wg sync.WaitGroup
	wg.Go(func() { other.Discard(t.Context()) }) // answers pings; ends with the close, below
	c.WantNothing(10 * time.Minute)
	c.Send("who?")
	c.Want("alice in  at /ws")
	c.Send("panic")
	c.WantClose(channels.StatusInternalError)
	site.PostForm("/logout", nil)
	wg.Wait()
	synctest.Wait()
	if got := channels.CloseStatus(other.Discard(t.Context())); got != channels.StatusUnauthorized {
		t.Errorf("after the logout the other socket is closed with %v, want 3000", got)
	}
}

// A syncBuffer is a log.
type syncBuffer struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// What buffers a response, as http.TimeoutHandler does, cannot give its connection
// away. The handshake fails in a way that the log explains; the rest of the site works.
func TestNoHijacker(t *testing.T) {
	tests := []struct {
		name string
		wrap func(http.Handler) http.Handler
	}{
		{"net/http TimeoutHandler", func(next http.Handler) http.Handler { return http.TimeoutHandler(next, time.Second, "too slow") }},
		{"a writer with neither Unwrap nor Hijack", func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				next.ServeHTTP(struct{ http.ResponseWriter }{w}, r)
			})
		}},
		{"one between others", func(next http.Handler) http.Handler {
			return middleware.Recoverer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				middleware.Compress(5)(next).ServeHTTP(struct{ http.ResponseWriter }{w}, r)
			}))
		}},
	}
	for _, tt := range tests {
		for _, where := range []string{"around", "within"} {
			t.Run(tt.name+"/"+where, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var log syncBuffer
					a := newApp(t, slog.New(slog.NewTextHandler(&log, nil)), pathValue)
					m := serveMux(a, "GET /ws")
					m.Handle("GET /page", a.page)
					var h http.Handler
					if where == "within" {
						h = a.stack(tt.wrap(m))
					} else {
						h = tt.wrap(a.stack(m))
					}
					site := wstest.NewServer(t, h)
					logIn(t, site)
					resp := site.DialRefused("/ws")
					body, _ := io.ReadAll(resp.Body)
					if resp.StatusCode != http.StatusInternalServerError || strings.TrimSpace(string(body)) != "Internal Server Error" {
						t.Errorf("%s: %s, want 500 and nothing internal", resp.Status, body)
					}
					for _, want := range []string{"level=ERROR", "cannot be hijacked", "without an Unwrap method"} {
						if !strings.Contains(log.String(), want) {
							t.Errorf("the log lacks %q:\n%s", want, log.String())
						}
					}
					if _, got := site.Get("/page"); got != "alice in " {
						t.Errorf("the page says %q", got)
					}
				})
			})
		}
	}
}
