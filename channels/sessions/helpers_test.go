package sessions_test

import (
	"bytes"
	"crypto/sha256"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluicehq/sluice/channels/internal/leak"
	"github.com/sluicehq/sluice/channels/sessions"
)

func TestMain(m *testing.M) { leak.Main(m) }

// secret returns a key that is random enough, and the same in every run.
func secret(name string) []byte {
	sum := sha256.Sum256([]byte(name))
	return sum[:]
}

func ring(tb testing.TB, names ...string) sessions.Keyring {
	tb.Helper()
	var keys [][]byte
	for _, name := range names {
		keys = append(keys, secret(name))
	}
	k, err := sessions.NewKeyring(keys...)
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

// cookieName is the name of the cookie of a zero Cookie.
const cookieName = "__Host-session"

// A browser sends requests straight to a handler around which a Manager is, and
// keeps the session's cookie.
type browser struct {
	tb     testing.TB
	m      *sessions.Manager
	cookie string      // its value, empty for none
	set    string      // the last Set-Cookie line, empty for none
	header http.Header // more fields to send
	method string      // GET when empty
}

func newBrowser(tb testing.TB, m *sessions.Manager) *browser { return &browser{tb: tb, m: m} }

// clone is another browser that stole the cookie.
func (b *browser) clone() *browser { return &browser{tb: b.tb, m: b.m, cookie: b.cookie} }

// serve sends one request to h.
func (b *browser) serve(h http.HandlerFunc) *http.Response {
	b.tb.Helper()
	method := b.method
	if method == "" {
		method = "GET"
	}
	r := httptest.NewRequest(method, "/", nil)
	for name, values := range b.header {
		r.Header[name] = values
	}
	name := b.m.Cookie.Name
	if name == "" {
		name = cookieName
	}
	if b.cookie != "" {
		r.Header.Add("Cookie", name+"="+b.cookie)
	}
	w := httptest.NewRecorder()
	b.m.Handler(h).ServeHTTP(w, r)
	return b.keep(name, w.Result())
}

// keep stores the session's cookie of a response, or forgets it.
func (b *browser) keep(name string, res *http.Response) *http.Response {
	b.set = ""
	for _, line := range res.Header["Set-Cookie"] {
		value, ok := strings.CutPrefix(line, name+"=")
		if !ok {
			continue
		}
		b.set = line
		b.cookie, _, _ = strings.Cut(value, ";")
	}
	return res
}

// visit sends one request to a handler that gets the session.
func (b *browser) visit(f func(s *sessions.Session)) *http.Response {
	b.tb.Helper()
	return b.serve(func(w http.ResponseWriter, r *http.Request) {
		f(load(b.tb, r))
	})
}

// get returns the value of a string key, as a request sees it.
func (b *browser) get(key string) string {
	b.tb.Helper()
	var value string
	b.visit(func(s *sessions.Session) { value, _ = sessions.Get[string](s, key) })
	return value
}

func (b *browser) setKey(key, value string) {
	b.tb.Helper()
	b.visit(func(s *sessions.Session) { set(b.tb, s, key, value) })
}

func load(tb testing.TB, r *http.Request) *sessions.Session {
	tb.Helper()
	s, err := sessions.Load(r.Context())
	if err != nil {
		tb.Fatalf("Load: %v", err)
	}
	return s
}

func set(tb testing.TB, s *sessions.Session, key string, value any) {
	tb.Helper()
	if err := s.Set(key, value); err != nil {
		tb.Fatalf("Set(%q): %v", key, err)
	}
}

func body(tb testing.TB, res *http.Response) string {
	tb.Helper()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return string(b)
}

// A logbook is a log to read in a test.
type logbook struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *logbook) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// forge seals a payload as the Manager with these keys would.
func forge(k sessions.Keyring, payload string, ends time.Time) string {
	return k.Derive("sluice/sessions cookie").Seal(cookieName, []byte(payload), ends)
}

const someID = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
