package sessions_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/sessions"
	"github.com/sluicehq/sluice/channels/wstest"
)

// With the Server of this module: a handler changes the session and accepts, a page
// changes it meanwhile, and the consumer saves and sees it.
func TestWithServer(t *testing.T) {
	both(t, func(t *testing.T, m *sessions.Manager) {
		srv := channels.Server{DrainWindow: -1}
		mux := http.NewServeMux()
		mux.HandleFunc("GET /page", func(w http.ResponseWriter, r *http.Request) {
			set(t, load(t, r), "page", "seen")
		})
		mux.HandleFunc("GET /ws", func(w http.ResponseWriter, r *http.Request) {
			set(t, load(t, r), "handshake", "seen")
			srv.Accept(w, r, channels.HandlerFunc(func(ctx context.Context, s *channels.Socket) error {
				return onSocket(ctx, t, s, m.Store != nil)
			}))
		})
		ts := wstest.NewServer(t, m.Handler(mux))
		t.Cleanup(func() { srv.Shutdown(context.Background()) })
		c := ts.Dial("/ws")
		c.Want("new session")
		ts.Get("/page")
		c.Send("go on")
		want := "seen"
		if m.Store == nil {
			want = "detached"
		}
		c.Want(want)
		c.WantClose(channels.StatusNormalClosure)
		c = ts.Dial("/ws")
		c.Want("old session")
		c.Close()
	})
}

// onSocket tells the client what the session is like, before and after a message.
func onSocket(ctx context.Context, t *testing.T, s *channels.Socket, store bool) error {
	sess, err := sessions.Load(ctx)
	if err != nil {
		return err
	}
	state := "new session"
	if _, ok := sessions.Get[string](sess, "socket"); ok || !store && len(sess.Keys()) > 1 {
		state = "old session"
	}
	if err := s.Send(ctx, channels.Text(state)); err != nil {
		return err
	}
	if _, err := s.Read(ctx); err != nil {
		return err
	}
	setErr := sess.Set("socket", "seen")
	saveErr := sess.Save(ctx)
	if !store {
		if !errors.Is(setErr, sessions.ErrDetached) || !errors.Is(saveErr, sessions.ErrDetached) {
			t.Errorf("Set %v, Save %v; want ErrDetached", setErr, saveErr)
		}
		return s.Send(ctx, channels.Text("detached"))
	}
	if setErr != nil || saveErr != nil {
		t.Errorf("Set %v, Save %v", setErr, saveErr)
	}
	page, _ := sessions.Get[string](sess, "page")
	return s.Send(ctx, channels.Text(page))
}

// No store is asked and no cookie set for a handshake that the Server refuses.
func TestRefusedByServer(t *testing.T) {
	store, m := newHooked()
	srv := channels.Server{DrainWindow: -1}
	accepted := func(ctx context.Context, s *channels.Socket) error {
		_, err := sessions.Load(ctx)
		return err
	}
	ts := wstest.NewServer(t, m.Handler(srv.HandlerFunc(accepted)))
	t.Cleanup(func() { srv.Shutdown(context.Background()) })
	b := newBrowser(t, m)
	b.setKey("k", "v")
	store.keys = nil
	res := ts.DialRefused("/", func(o *channels.DialOptions) {
		o.Origin = "https://evil.example"
		o.Header = http.Header{"Cookie": {cookieName + "=" + b.cookie}}
	})
	if res.StatusCode != http.StatusForbidden || len(res.Header["Set-Cookie"]) > 0 || len(store.keys) > 0 {
		t.Errorf("status %d, Set-Cookie %q, the store was asked for %q", res.StatusCode, res.Header["Set-Cookie"], store.keys)
	}
}

// What the connection can do is found through the writer.
func TestUnwrap(t *testing.T) {
	m := &sessions.Manager{Keys: ring(t, "a")}
	ts := wstest.NewServer(t, m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
			t.Error(err)
		}
	})))
	ts.Get("/")
}
