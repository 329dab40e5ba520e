package auth_test

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/auth"
	"github.com/sluicehq/sluice/channels/wstest"
)

// A10, A11: forms of other sites log nobody in or out, nor does a GET.
func TestFormsOfOtherSites(t *testing.T) {
	s := newSite(t, nil)
	protected := http.NewCrossOriginProtection().Handler(auth.Stack(&s.sessions, &s.gate)(s.mux))
	front := wstest.NewServer(t, protected)
	logIn(t, front.Browser, "alice")
	post := func(path, from string) int {
		r, err := http.NewRequest("POST", wstest.URL+path, strings.NewReader(url.Values{
			"username": {"bob"}, "password": {password},
		}.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", from)
		resp, err := front.HTTP.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		io.Copy(io.Discard, resp.Body)
		return resp.StatusCode
	}
	for _, from := range []string{"cross-site", "same-site"} {
		for _, path := range []string{"/login", "/logout"} {
			if got := post(path, from); got != http.StatusForbidden {
				t.Errorf("POST %s from %s: %d, want 403", path, from, got)
			}
		}
	}
	wantStatus(t, front.Browser, "/logout", http.StatusMethodNotAllowed)
	wantBody(t, front.Browser, "/whoami", "alice")
	if got := post("/logout", "same-origin"); got != http.StatusOK {
		t.Errorf("POST /logout of the site itself: %d", got)
	}
	wantBody(t, front.Browser, "/whoami", "nobody")
}

// A28: from the moment of a revocation on nothing comes in or goes out.
func TestNothingAfterRevocation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var received atomic.Int32
		s := newSite(t, func(s *site) {
			s.mux.Handle("/group", s.srv.Handler(channels.Consume(func() *member { return &member{&received} })))
		})
		logIn(t, s.Browser, "alice")
		c := s.Dial("/group")
		c.Send("hello")
		c.Want("hello")
		if err := s.gate.RevokeUser(t.Context(), s.user(t, "alice").ID); err != nil {
			t.Fatal(err)
		}
		if err := s.srv.Broadcast(t.Context(), "members", channels.Text("a secret")); err != nil {
			t.Fatal(err)
		}
		c.Write(t.Context(), channels.Text("more"))
		if reason := c.WantClose(channels.StatusUnauthorized); reason != "revoked" {
			t.Errorf("reason %q", reason)
		}
		time.Sleep(time.Minute)
		if n := received.Load(); n != 1 {
			t.Errorf("%d messages were received, want the one before", n)
		}
	})
}

// A member is in a group, and says what it is told.
type member struct{ received *atomic.Int32 }

func (m *member) Connect(ctx context.Context, s *channels.Socket) error {
	return s.Join(ctx, "members")
}

func (m *member) Receive(ctx context.Context, s *channels.Socket, msg channels.Message) error {
	m.received.Add(1)
	return s.Send(ctx, msg)
}

// C47, C48: who asks for the user makes the response private; who does not, does not.
func TestCaching(t *testing.T) {
	s := newSite(t, func(s *site) {
		s.mux.HandleFunc("/static", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "static") })
	})
	logIn(t, s.Browser, "alice")
	resp, _ := s.Get("/whoami")
	if resp.Header.Get("Vary") != "Cookie" || !strings.Contains(resp.Header.Get("Cache-Control"), "private") {
		t.Errorf("header %v", resp.Header)
	}
	resp, _ = s.Get("/static")
	if resp.Header.Get("Vary") != "" || resp.Header.Get("Cache-Control") != "" {
		t.Errorf("of a response that asked for nobody: %v", resp.Header)
	}
}
