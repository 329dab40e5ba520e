package channels

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// A Scope is what is known about one connection (or one plain HTTP request):
// how it came, and what the wrappers around its handler found out, such as its
// session, its user and its route's parameters. It lives in the context, from
// the outermost wrapper on, and for a socket as long as the socket. All methods
// may be called by several goroutines at once.
type Scope struct {
	protocol   string
	method     string
	host       string
	path       string
	rawQuery   string
	remoteAddr string
	start      time.Time

	mu     sync.Mutex // guards the fields below
	id     string
	header http.Header
	values []slot
	guards []ownedGuard
	socket *Socket // that it belongs to and is told when guards change, while that is open
}

// A slot is one value of a wrapper's. There are two or three: a slice is
// smaller than a map and found as fast.
type slot struct{ key, value any }

// NewScope returns the scope of a connection that is not HTTP. Protocol is its
// name ("chat"), remoteAddr the peer's address as net/http writes it.
func NewScope(protocol, remoteAddr string) *Scope {
	return &Scope{protocol: protocol, remoteAddr: remoteAddr, start: time.Now()}
}

func newRequestScope(r *http.Request) *Scope {
	return &Scope{
		protocol:   requestProtocol(r),
		method:     r.Method,
		host:       r.Host,
		path:       r.URL.Path,
		rawQuery:   r.URL.RawQuery,
		remoteAddr: r.RemoteAddr,
		start:      time.Now(),
		header:     r.Header,
	}
}

type scopeKey struct{}

// ScopeFrom returns the scope of the connection or request that ctx belongs to.
func ScopeFrom(ctx context.Context) (*Scope, bool) {
	s, ok := ctx.Value(scopeKey{}).(*Scope)
	return s, ok
}

// ContextWithScope returns a context that carries s.
func ContextWithScope(ctx context.Context, s *Scope) context.Context {
	return context.WithValue(ctx, scopeKey{}, s)
}

// WithScope makes sure that what h serves has a scope. Every wrapper of this
// module calls it, so it is needed only in front of wrappers of one's own.
func WithScope(h http.Handler) http.Handler {
	if h == nil {
		panic("channels: WithScope: the handler is nil")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, r = EnsureScope(r)
		h.ServeHTTP(w, r)
	})
}

// EnsureScope returns the request's scope, and the request that carries it: r
// itself when it has one already. It is what a wrapper begins with.
func EnsureScope(r *http.Request) (*Scope, *http.Request) {
	if s, ok := ScopeFrom(r.Context()); ok {
		return s, r
	}
	s := newRequestScope(r)
	return s, r.WithContext(ContextWithScope(r.Context(), s))
}

// scopeOf returns the request's scope, or one for what comes after it.
func scopeOf(r *http.Request) *Scope {
	if s, ok := ScopeFrom(r.Context()); ok {
		return s
	}
	return newRequestScope(r)
}

// Protocol returns "http", "websocket", or the name of the [Protocol] that the
// connection was accepted by.
func (s *Scope) Protocol() string { return s.protocol }

// Method returns the request's method, empty for a connection that is not HTTP.
func (s *Scope) Method() string { return s.method }

// Host returns the request's host as the client sent it, with the port if any.
func (s *Scope) Host() string { return s.host }

// Path returns the request's decoded path, as it was when the scope was made.
func (s *Scope) Path() string { return s.path }

// Query parses the request's query. A malformed pair is an error and, as in
// [net/url.ParseQuery], the others are returned with it.
func (s *Scope) Query() (url.Values, error) { return url.ParseQuery(s.rawQuery) }

// RemoteAddr returns the peer's address, "host:port".
func (s *Scope) RemoteAddr() string { return s.remoteAddr }

// Start returns when the connection was accepted or the request arrived.
func (s *Scope) Start() time.Time { return s.start }

// ID returns a random name for the connection, made at the first call: for logs.
func (s *Scope) ID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.id == "" {
		s.id = rand.Text()[:16]
	}
	return s.id
}

// Header returns the first value of a request header. Once a socket has been
// accepted only those named in [Server.KeepHeaders] are left.
func (s *Scope) Header(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.header.Get(name)
}

// headerLines returns all lines of a request header, whose name is canonical.
func (s *Scope) headerLines(name string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.header[name]
}

// keepHeaders forgets every header but the named ones, and so lets go of the
// request that they came with.
func (s *Scope) keepHeaders(names []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var kept http.Header
	for _, name := range names {
		name = http.CanonicalHeaderKey(name)
		if v := s.header[name]; len(v) > 0 {
			if kept == nil {
				kept = make(http.Header, len(names))
			}
			kept[name] = slices.Clone(v)
		}
	}
	s.header = kept
}

// Value returns what was stored under key, or nil. Keys are compared as in
// [context.Context]: use a type of your own.
func (s *Scope) Value(key any) any {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.values {
		if s.values[i].key == key {
			return s.values[i].value
		}
	}
	return nil
}

// SetValue stores value under key; nil removes it.
func (s *Scope) SetValue(key, value any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.values {
		if s.values[i].key == key {
			if value == nil {
				s.values = slices.Delete(s.values, i, i+1)
			} else {
				s.values[i].value = value
			}
			return
		}
	}
	if value == nil {
		return
	}
	if s.values == nil {
		s.values = make([]slot, 0, 3)
	}
	s.values = append(s.values, slot{key, value})
}

// LogValue makes a scope fit for a log: cookies, tokens and query values are
// not in it.
func (s *Scope) LogValue() slog.Value {
	attrs := []slog.Attr{
		slog.String("id", s.ID()),
		slog.String("protocol", s.protocol),
		slog.String("remote", s.remoteAddr),
	}
	if s.method != "" {
		attrs = append(attrs,
			slog.String("host", truncate(s.host, 255)),
			slog.String("path", truncate(s.path, 255)))
	}
	return slog.GroupValue(attrs...)
}

// String returns the same as LogValue: no secret is printed by accident.
func (s *Scope) String() string { return s.LogValue().String() }

func truncate(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n] + "…"
}
