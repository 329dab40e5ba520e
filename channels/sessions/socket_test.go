package sessions_test

import (
	"context"
	"io"
	"net/http"
	"testing"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/sessions"
)

// A socket is what outlives its request: the scope, in a context of its own.
type socket struct {
	ctx context.Context
}

// accept opens a socket of the browser's, after before was called with the session
// (nil: it is not asked for), as a server does: 101, hijack, return.
func (b *browser) accept(t *testing.T, before func(s *sessions.Session)) *socket {
	t.Helper()
	accepted := make(chan *socket, 1)
	srv := newServer(t, b.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if before != nil {
			before(load(t, r))
		}
		defer close(accepted)
		w.WriteHeader(http.StatusSwitchingProtocols)
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		t.Cleanup(func() { conn.Close() })
		scope, _ := channels.ScopeFrom(r.Context())
		for i := range r.Header["Cookie"] {
			r.Header["Cookie"][i] = "gone" // a session has what it needs
		}
		accepted <- &socket{channels.ContextWithScope(t.Context(), scope)}
	})))
	header := "Upgrade: websocket\r\nConnection: Upgrade\r\n"
	if b.cookie != "" {
		header += "Cookie: a=b; " + cookieName + "=" + b.cookie + "\r\n"
	}
	b.keep(cookieName, srv.get(t, "/", header))
	sock := <-accepted
	if sock == nil {
		t.FailNow()
	}
	return sock
}

func (s *socket) session(t *testing.T) *sessions.Session {
	t.Helper()
	sess, err := sessions.Load(s.ctx)
	if err != nil {
		t.Fatal(err)
	}
	return sess
}

// A change made before the socket is accepted goes out with the 101.
func TestChangeBeforeAccept(t *testing.T) {
	both(t, func(t *testing.T, m *sessions.Manager) {
		b := newBrowser(t, m)
		b.accept(t, func(s *sessions.Session) { set(t, s, "k", "v") })
		if b.cookie == "" || b.get("k") != "v" {
			t.Errorf("Set-Cookie %q, k %q", b.set, b.get("k"))
		}
	})
}

// A session that was not asked for during the handshake can be, on the socket.
func TestLoadOnSocket(t *testing.T) {
	both(t, func(t *testing.T, m *sessions.Manager) {
		b := newBrowser(t, m)
		if s := b.accept(t, nil).session(t); !s.IsNew() {
			t.Errorf("without a cookie: %v", s)
		}
		b.setKey("k", "v")
		s := b.accept(t, nil).session(t)
		if got, _ := sessions.Get[string](s, "k"); got != "v" {
			t.Errorf("k is %q, want v", got)
		}
		b.cookie = "forged"
		if s := b.accept(t, nil).session(t); !s.IsNew() {
			t.Errorf("with a forged cookie: %v", s)
		}
	})
}

// On a socket a cookie's session can be read only, and says so.
func TestCookieSessionOnSocket(t *testing.T) {
	m := &sessions.Manager{Keys: ring(t, "a")}
	b := newBrowser(t, m)
	b.setKey("k", "v")
	s := b.accept(t, nil).session(t)
	if err := s.Set("k", "changed"); !isErr(err, sessions.ErrDetached) {
		t.Errorf("C45: Set: %v, want ErrDetached", err)
	}
	if err := s.Set("k", "v"); err != nil {
		t.Errorf("Set to what it is: %v", err)
	}
	if err := s.Save(t.Context()); !isErr(err, sessions.ErrDetached) {
		t.Errorf("C45: Save: %v, want ErrDetached", err)
	}
	if err := s.Reload(t.Context()); !isErr(err, sessions.ErrDetached) {
		t.Errorf("Reload: %v, want ErrDetached", err)
	}
	if got, _ := sessions.Get[string](s, "k"); got != "v" {
		t.Errorf("k is %q, want v", got)
	}
	s.Destroy()
	if err := s.Save(t.Context()); !isErr(err, sessions.ErrDetached) {
		t.Errorf("C45: Save after Destroy: %v, want ErrDetached", err)
	}
}

// With a store a socket saves, merges, and sees what requests change.
func TestStoreSessionOnSocket(t *testing.T) {
	_, m := newHooked()
	b := newBrowser(t, m)
	b.setKey("k", "v")
	s := b.accept(t, func(*sessions.Session) {}).session(t)

	set(t, s, "socket", "1")
	b.setKey("page", "1")
	if err := s.Save(t.Context()); err != nil {
		t.Fatalf("Save: %v", err)
	}
	if got, _ := sessions.Get[string](s, "page"); got != "1" {
		t.Errorf("Save does not see the page's change: %q", got)
	}
	if got := b.get("socket"); got != "1" {
		t.Errorf("the page does not see the socket's change: %q", got)
	}
	b.setKey("page", "2")
	if err := s.Reload(t.Context()); err != nil {
		t.Fatalf("Reload: %v", err)
	}
	if got, _ := sessions.Get[string](s, "page"); got != "2" {
		t.Errorf("Reload does not see the page's change: %q", got)
	}

	s.Renew()
	if err := s.Set("k", "x"); !isErr(err, sessions.ErrDetached) {
		t.Errorf("C45: Set after Renew: %v, want ErrDetached", err)
	}
	if err := s.Save(t.Context()); !isErr(err, sessions.ErrDetached) {
		t.Errorf("C45: Save after Renew: %v, want ErrDetached", err)
	}
	if err := s.Reload(t.Context()); err != nil {
		t.Fatalf("Reload: %v", err)
	}
	s.Destroy()
	if err := s.Set("k", "x"); !isErr(err, sessions.ErrDetached) {
		t.Errorf("C45: Set after Destroy: %v, want ErrDetached", err)
	}
	if err := s.Save(t.Context()); err != nil {
		t.Errorf("Save after Destroy: %v", err)
	}
	if got := b.get("k"); got != "" {
		t.Errorf("C46: a logout on a socket left %q", got)
	}
}

// A new session cannot begin on a socket: there is no way to give out its token.
func TestNewSessionOnSocket(t *testing.T) {
	both(t, func(t *testing.T, m *sessions.Manager) {
		s := newBrowser(t, m).accept(t, nil).session(t)
		if err := s.Set("k", "v"); !isErr(err, sessions.ErrDetached) {
			t.Errorf("C45: Set: %v, want ErrDetached", err)
		}
	})
}

// What HTTP requests end is ended for the socket: Reload leaves nobody, Save conflicts.
func TestEndedUnderASocket(t *testing.T) {
	ends := map[string]func(s *sessions.Session){
		"destroyed": func(s *sessions.Session) { s.Destroy() },
		"renewed":   func(s *sessions.Session) { s.Renew() },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			_, m := newHooked()
			b := newBrowser(t, m)
			b.setKey("who", "alice")
			s := b.accept(t, func(*sessions.Session) {}).session(t)
			set(t, s, "k", "v")
			b.visit(end)
			if err := s.Save(t.Context()); !isErr(err, sessions.ErrConflict) {
				t.Errorf("C41: Save: %v, want ErrConflict", err)
			}
			if err := s.Reload(t.Context()); err != nil {
				t.Errorf("Reload: %v", err)
			}
			if len(s.Keys()) > 0 || s.ID() != "" || !s.IsNew() {
				t.Errorf("after Reload: %v, keys %v", s, s.Keys())
			}
		})
	}
}

// HTTP/2 has no 101: a CONNECT that is answered with 200 is a socket as well.
func TestConnectIsASocket(t *testing.T) {
	both(t, func(t *testing.T, m *sessions.Manager) {
		b := newBrowser(t, m)
		b.setKey("k", "v")
		b.method = http.MethodConnect
		b.header = http.Header{":protocol": {"websocket"}}
		b.serve(func(w http.ResponseWriter, r *http.Request) {
			s := load(t, r)
			set(t, s, "k", "before")
			w.WriteHeader(http.StatusOK)
			io.WriteString(w, "frames")
			if err := s.Set("k", "after"); isErr(err, sessions.ErrDetached) != (m.Store == nil) {
				t.Errorf("C45: Set: %v", err)
			}
		})
		b.method, b.header = "", nil
		if got := b.get("k"); got != "before" {
			t.Errorf("k is %q, want before: a socket saves by Save alone", got)
		}
	})
}
