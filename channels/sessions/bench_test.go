package sessions_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/sessions"
)

// A nullWriter is a response that costs nothing itself.
type nullWriter struct{ header http.Header }

func (w *nullWriter) Header() http.Header         { return w.header }
func (w *nullWriter) Write(p []byte) (int, error) { return len(p), nil }
func (w *nullWriter) WriteHeader(int)             {}

// benchRequest measures a request with a session of three keys, and what the session
// costs of it: the scope, which every connection has, is made once, outside.
func benchRequest(b *testing.B, m *sessions.Manager, use func(b *testing.B, s *sessions.Session)) {
	br := newBrowser(b, m)
	br.visit(func(s *sessions.Session) {
		set(b, s, "user", "1234567890")
		set(b, s, "backend", "accounts")
		set(b, s, "stamp", "b64b64b64b64b64b64b64b64b64b64b64b64b64b64b6")
	})
	h := m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, err := sessions.Load(r.Context())
		if err != nil {
			b.Error(err)
		}
		use(b, s)
		w.WriteHeader(http.StatusSwitchingProtocols)
	}))
	base := httptest.NewRequest("GET", "/", nil)
	base.Header.Set("Cookie", cookieName+"="+br.cookie)
	w := &nullWriter{http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.header)
		scope := channels.NewScope("websocket", "192.0.2.1:1234")
		r := base.WithContext(channels.ContextWithScope(base.Context(), scope))
		h.ServeHTTP(w, r)
	}
}

func BenchmarkRequest(b *testing.B) {
	read := func(b *testing.B, s *sessions.Session) {
		if user, _ := sessions.Get[string](s, "user"); user != "1234567890" {
			b.Fatal("another user")
		}
	}
	n := 0
	write := func(b *testing.B, s *sessions.Session) {
		n++
		if err := s.Set("n", n); err != nil {
			b.Error(err)
		}
	}
	cookie := func() *sessions.Manager { return &sessions.Manager{Keys: ring(b, "a")} }
	store := func() *sessions.Manager { return &sessions.Manager{Store: &sessions.MemoryStore{}} }
	b.Run("Scope", func(b *testing.B) { // what the others have in them that is not the session's
		base := httptest.NewRequest("GET", "/", nil)
		b.ReportAllocs()
		for b.Loop() {
			scope := channels.NewScope("websocket", "192.0.2.1:1234")
			_ = base.WithContext(channels.ContextWithScope(base.Context(), scope))
		}
	})
	b.Run("CookieLoad", func(b *testing.B) { benchRequest(b, cookie(), read) })
	b.Run("CookieSave", func(b *testing.B) { benchRequest(b, cookie(), write) })
	b.Run("StoreLoad", func(b *testing.B) { benchRequest(b, store(), read) })
	b.Run("StoreSave", func(b *testing.B) { benchRequest(b, store(), write) })
}

func BenchmarkSigner(b *testing.B) {
	s := ring(b, "a").Derive("p")
	payload := make([]byte, 100)
	token := s.Seal("n", payload, farFuture)
	b.Run("Seal", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s.Seal("n", payload, farFuture)
		}
	})
	b.Run("Open", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Open("n", token); err != nil {
				b.Fatal(err)
			}
		}
	})
}
