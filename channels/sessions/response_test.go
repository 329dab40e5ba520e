package sessions_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/channels/sessions"
)

// Whatever begins the response, the session is saved before.
func TestSavedBeforeTheHeader(t *testing.T) {
	begin := map[string]func(w http.ResponseWriter){
		"nothing":            func(http.ResponseWriter) {},
		"WriteHeader":        func(w http.ResponseWriter) { w.WriteHeader(http.StatusSeeOther) },
		"Write":              func(w http.ResponseWriter) { w.Write([]byte("x")) },
		"WriteString":        func(w http.ResponseWriter) { io.WriteString(w, "x") },
		"ReadFrom":           func(w http.ResponseWriter) { io.Copy(w, io.LimitReader(strings.NewReader("x"), 1)) },
		"Flush":              func(w http.ResponseWriter) { w.(http.Flusher).Flush() },
		"ResponseController": func(w http.ResponseWriter) { http.NewResponseController(w).Flush() },
		"http.Error":         func(w http.ResponseWriter) { http.Error(w, "no", http.StatusNotFound) },
	}
	for name, f := range begin {
		both(t, func(t *testing.T, m *sessions.Manager) {
			b := newBrowser(t, m)
			b.serve(func(w http.ResponseWriter, r *http.Request) {
				set(t, load(t, r), "k", "v")
				f(w)
			})
			if b.get("k") != "v" {
				t.Errorf("%s: not saved", name)
			}
		})
	}
}

// C45: after an informational response the session can still be saved; after the
// header a change that needs a cookie is an error.
func TestChangeAfterTheHeader(t *testing.T) {
	both(t, func(t *testing.T, m *sessions.Manager) {
		b := newBrowser(t, m)
		srv := newServer(t, m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s := load(t, r)
			w.Header().Set("Link", "</style.css>; rel=preload")
			w.WriteHeader(http.StatusEarlyHints)
			if err := s.Set("k", "v"); err != nil {
				t.Errorf("C45: after a 103: %v", err)
			}
			w.WriteHeader(http.StatusOK)
			w.(http.Flusher).Flush()
			err := s.Set("k", "late")
			if errSave := s.Save(r.Context()); m.Store == nil {
				if !isErr(err, sessions.ErrDetached) || !isErr(errSave, sessions.ErrDetached) {
					t.Errorf("C45: after the header: Set %v, Save %v; want ErrDetached", err, errSave)
				}
				if got, _ := sessions.Get[string](s, "k"); got != "v" {
					t.Errorf("C45: a change that failed was made: %q", got)
				}
			} else if err != nil || errSave != nil {
				t.Errorf("with a store and a token: Set %v, Save %v", err, errSave)
			}
			s.Renew()
			if err := s.Save(r.Context()); !isErr(err, sessions.ErrDetached) {
				t.Errorf("C45: a new token after the header: %v, want ErrDetached", err)
			}
		})))
		b.keep(cookieName, srv.get(t, "/", ""))
		want := "v"
		if m.Store != nil {
			want = "late"
		}
		if got := b.get("k"); got != want {
			t.Errorf("k is %q, want %q", got, want)
		}
	})
}

// C45: what cannot be reported to the caller, who had no error to look at, is logged.
func TestLateChangesAreSavedOrLogged(t *testing.T) {
	both(t, func(t *testing.T, m *sessions.Manager) {
		log := new(logbook)
		m.Logger = log.logger()
		b := newBrowser(t, m)
		b.setKey("k", "v")
		b.serve(func(w http.ResponseWriter, r *http.Request) {
			s := load(t, r)
			w.WriteHeader(http.StatusOK)
			s.Delete("k")
		})
		lost := strings.Contains(log.String(), "after the header was written is lost")
		if got := b.get("k"); (got == "v") != lost || lost != (m.Store == nil) {
			t.Errorf("C45: k is %q, log: %s", got, log)
		}
		log = new(logbook)
		b.serve(func(w http.ResponseWriter, r *http.Request) {
			s := load(t, r)
			w.WriteHeader(http.StatusOK)
			s.Destroy()
		})
		if m.Store != nil && b.get("k") != "" {
			t.Error("C46: a late Destroy did not reach the store")
		}
	})
}

// C44: when the session cannot be saved, nothing of the handler's response goes out.
func TestFailedSaveReplacesTheResponse(t *testing.T) {
	log := new(logbook)
	b := newBrowser(t, &sessions.Manager{Logger: log.logger(), Store: &hookStore{
		Store: &sessions.MemoryStore{},
		save:  func() error { return errors.New("connection refused") },
	}})
	var writeErr, flushErr error
	res := b.serve(func(w http.ResponseWriter, r *http.Request) {
		set(t, load(t, r), "user", "alice")
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Content-Length", "1000")
		w.Header().Set("Content-Security-Policy", "default-src 'self'")
		w.Header().Set("Location", "/welcome")
		w.Header().Set("Etag", `"x"`)
		w.Header().Set("X-Request-Id", "7")
		w.Header().Add("Set-Cookie", "theme=dark")
		w.WriteHeader(http.StatusSeeOther)
		_, writeErr = w.Write([]byte("<h1>Welcome"))
		flushErr = http.NewResponseController(w).Flush()
	})
	if res.StatusCode != http.StatusServiceUnavailable || strings.Contains(body(t, res), "Welcome") {
		t.Errorf("C44: status %d, want %d and another body", res.StatusCode, http.StatusServiceUnavailable)
	}
	if !isErr(writeErr, sessions.ErrUnavailable) || !isErr(flushErr, sessions.ErrUnavailable) {
		t.Errorf("C44: Write %v, Flush %v; want ErrUnavailable", writeErr, flushErr)
	}
	want := http.Header{
		"Cache-Control":           {"no-store"},
		"Content-Security-Policy": {"default-src 'self'"},
		"Content-Type":            {"text/plain; charset=utf-8"},
		"Retry-After":             {"5"},
		"Vary":                    {"Cookie"},
		"X-Content-Type-Options":  {"nosniff"},
		"X-Request-Id":            {"7"},
	}
	if diff := cmp.Diff(want, res.Header); diff != "" {
		t.Errorf("C44: header (-want +got):\n%s", diff)
	}
	if !strings.Contains(log.String(), "response is replaced") {
		t.Error("C44: not logged")
	}
}

func TestRefuseIsTheCallers(t *testing.T) {
	store := &hookStore{Store: &sessions.MemoryStore{}}
	store.save = func() error { return errors.New("down") }
	m := &sessions.Manager{Store: store, Logger: new(logbook).logger()}
	m.Refuse = func(w http.ResponseWriter, r *http.Request, err error) {
		if !isErr(err, sessions.ErrUnavailable) {
			t.Errorf("error %v", err)
		}
		w.WriteHeader(http.StatusTeapot)
	}
	res := newBrowser(t, m).visit(func(s *sessions.Session) { set(t, s, "k", 1) })
	if res.StatusCode != http.StatusTeapot {
		t.Errorf("status %d", res.StatusCode)
	}
}

// C46: a handler that panics, or ends with a 500, saves nothing but a logout.
func TestFailedHandler(t *testing.T) {
	ends := map[string]func(w http.ResponseWriter){
		"panic": func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
		"500":   func(w http.ResponseWriter) { http.Error(w, "oops", http.StatusInternalServerError) },
	}
	for name, end := range ends {
		both(t, func(t *testing.T, m *sessions.Manager) {
			b := newBrowser(t, m)
			serve := func(f func(s *sessions.Session)) {
				h := func(w http.ResponseWriter, r *http.Request) {
					f(load(t, r))
					end(w)
				}
				r := httptest.NewRequest("POST", "/", nil)
				r.Header.Set("Cookie", cookieName+"="+b.cookie)
				w := httptest.NewRecorder()
				func() {
					defer func() { recover() }()
					m.Handler(http.HandlerFunc(h)).ServeHTTP(w, r)
				}()
				if w.Code == http.StatusOK && name == "panic" {
					w.WriteHeader(http.StatusInternalServerError) // as a middleware outside would
				}
				b.keep(cookieName, w.Result())
			}
			serve(func(s *sessions.Session) { set(t, s, "user", "alice") })
			if b.cookie != "" {
				t.Fatalf("C46: %s: half a login was saved", name)
			}
			b.setKey("cart", "full")
			anonymous := b.cookie
			serve(func(s *sessions.Session) { s.Renew(); set(t, s, "user", "alice") })
			if b.cookie != anonymous || b.get("user") != "" || b.get("cart") != "full" {
				t.Errorf("C46: %s: half a login was saved: user %q, cart %q", name, b.get("user"), b.get("cart"))
			}
			serve(func(s *sessions.Session) { set(t, s, "cart", "half") })
			if b.get("cart") != "full" {
				t.Errorf("C46: %s: half a change was saved: cart %q", name, b.get("cart"))
			}
			stolen := b.clone()
			serve(func(s *sessions.Session) { s.Destroy() })
			if b.cookie != "" {
				t.Errorf("C46: %s: the logout did not reach the browser", name)
			}
			if m.Store != nil && stolen.get("cart") != "" {
				t.Errorf("C46: %s: the logout did not reach the store", name)
			}
		})
	}
}

// C47: no session is made and no cookie set where nothing was to be done; in a store,
// an existing session is changed all the same.
func TestQuietResponses(t *testing.T) {
	tests := []struct {
		name, method string
		status       int
	}{
		{"HEAD", "HEAD", 200},
		{"OPTIONS", "OPTIONS", 204},
		{"TRACE", "TRACE", 200},
		{"304", "GET", 304},
	}
	for _, tt := range tests {
		both(t, func(t *testing.T, m *sessions.Manager) {
			m.IdleTimeout = 10 * time.Second
			b := newBrowser(t, m)
			b.method = tt.method
			change := func(w http.ResponseWriter, r *http.Request) {
				s := load(t, r)
				s.Renew()
				set(t, s, "k", "changed")
				w.WriteHeader(tt.status)
			}
			b.serve(change)
			if store, ok := m.Store.(*sessions.MemoryStore); b.set != "" || ok && store.Len() > 0 {
				t.Errorf("C47: %s makes a session: %q", tt.name, b.set)
			}
			b.method = "GET"
			b.setKey("k", "v")
			b.method = tt.method
			b.serve(change)
			if b.set != "" {
				t.Errorf("C47: %s sets a cookie: %q", tt.name, b.set)
			}
			b.serve(func(w http.ResponseWriter, r *http.Request) {
				set(t, load(t, r), "k", "again")
				w.WriteHeader(tt.status)
			})
			want := "v"
			if m.Store != nil {
				want = "again"
			}
			if b.method = "GET"; b.get("k") != want {
				t.Errorf("C47: after %s: k is %q, want %q", tt.name, b.get("k"), want)
			}
		})
	}
}

// The writer is found through, and lets others be found below: a hijack saves first.
func TestHijack(t *testing.T) {
	both(t, func(t *testing.T, m *sessions.Manager) {
		b := newBrowser(t, m)
		hijack := func(status int) {
			srv := newServer(t, m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				set(t, load(t, r), "status", status)
				if status != 0 {
					w.WriteHeader(status)
				}
				conn, rw, err := http.NewResponseController(w).Hijack()
				if err != nil {
					t.Errorf("Hijack: %v", err)
					return
				}
				defer conn.Close()
				if status == 0 { // a hijacker that writes its own header
					rw.WriteString("HTTP/1.1 101 Switching Protocols\r\n")
					w.Header().Write(rw)
					rw.WriteString("\r\n")
				}
				rw.Flush()
			})))
			b.keep(cookieName, srv.get(t, "/", "Upgrade: x\r\nConnection: Upgrade\r\n"))
		}
		for _, status := range []int{101, 0} {
			hijack(status)
			b.visit(func(s *sessions.Session) {
				if got, ok := sessions.Get[int](s, "status"); !ok || got != status {
					t.Errorf("hijacked after status %d: not saved", status)
				}
			})
			b.cookie = ""
		}
	})
}

// C44: a connection is not hijacked when the session was not saved.
func TestHijackAfterFailedSave(t *testing.T) {
	store := &hookStore{Store: &sessions.MemoryStore{}, save: func() error { return errors.New("down") }}
	m := &sessions.Manager{Store: store, Logger: new(logbook).logger()}
	srv := newServer(t, m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		set(t, load(t, r), "k", "v")
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Sec-WebSocket-Accept", "x")
		w.WriteHeader(http.StatusSwitchingProtocols)
		if _, _, err := http.NewResponseController(w).Hijack(); !isErr(err, sessions.ErrUnavailable) {
			t.Errorf("C44: Hijack: %v, want ErrUnavailable", err)
		}
	})))
	res := srv.get(t, "/", "Upgrade: websocket\r\nConnection: Upgrade\r\n")
	if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Sec-Websocket-Accept") != "" {
		t.Errorf("C44: status %d, header %v", res.StatusCode, res.Header)
	}
}

// No cookie is set and nothing created for a handshake that is refused; a logout holds.
func TestRefusedHandshake(t *testing.T) {
	both(t, func(t *testing.T, m *sessions.Manager) {
		b := newBrowser(t, m)
		refuse := func(f func(s *sessions.Session)) {
			b.header = http.Header{"Upgrade": {"websocket"}, "Connection": {"Upgrade"}}
			b.serve(func(w http.ResponseWriter, r *http.Request) {
				f(load(t, r))
				http.Error(w, "cross-origin", http.StatusForbidden)
			})
			b.header = nil
		}
		refuse(func(s *sessions.Session) { set(t, s, "k", "v") })
		if store, ok := m.Store.(*sessions.MemoryStore); b.set != "" || ok && store.Len() > 0 {
			t.Errorf("a refused handshake makes a session: %q", b.set)
		}
		b.setKey("k", "v")
		refuse(func(s *sessions.Session) { set(t, s, "k", "changed") })
		if got := b.get("k"); got != "v" {
			t.Errorf("a refused handshake changes the session: %q", got)
		}
		refuse(func(s *sessions.Session) { s.Destroy() })
		if b.set != "" {
			t.Errorf("a refused handshake sets a cookie: %q", b.set)
		}
		if got := b.get("k"); m.Store != nil && got != "" {
			t.Errorf("a refused handshake took a logout back: %q", got)
		}
	})
}

// No store is called before the session is asked for.
func TestResolvedAtFirstUse(t *testing.T) {
	store := &hookStore{Store: &sessions.MemoryStore{}}
	b := newBrowser(t, &sessions.Manager{Store: store})
	b.setKey("k", "v")
	store.load = func() error { t.Error("the store was asked"); return nil }
	b.serve(func(w http.ResponseWriter, r *http.Request) { http.Error(w, "no", http.StatusForbidden) })
}
