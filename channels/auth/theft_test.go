package auth_test

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/auth"
	"github.com/sluicehq/sluice/channels/sessions"
	"github.com/sluicehq/sluice/channels/wstest"
)

// remember logs alice in for 90 days.
func (s *site) remember(t *testing.T) {
	t.Helper()
	alice := s.user(t, "alice")
	s.visit(t, func(w http.ResponseWriter, r *http.Request) {
		if err := s.gate.Login(w, r, alice, auth.Remember(90*24*time.Hour)); err != nil {
			t.Error(err)
		}
	})
}

// steal returns a browser with a copy of another's cookies.
func steal(t *testing.T, s *site, from *wstest.Browser) *wstest.Browser {
	t.Helper()
	u, err := url.Parse(wstest.URL)
	if err != nil {
		t.Fatal(err)
	}
	thief := s.NewBrowser()
	thief.Jar.SetCookies(u, []*http.Cookie{{
		Name: "__Host-session", Value: cookie(t, from), Path: "/", Secure: true,
	}})
	return thief
}

// A31: of a remembered login that was copied, one of the two shows a former token sooner
// or later. Then the login is over for both, with everything that hangs on it, and for
// nobody else.
func TestStolenCookie(t *testing.T) {
	for _, thiefFirst := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var stolen []string
			s := newSite(t, func(s *site) {
				s.sessions.Store = new(sessions.MemoryStore)
				s.gate.Stolen = func(_ context.Context, userID string) { stolen = append(stolen, userID) }
			})
			s.remember(t)
			elsewhere := s.NewBrowser() // alice's telephone
			logIn(t, elsewhere, "alice")
			thief := steal(t, s, s.Browser)
			wantBody(t, thief, "/whoami", "alice") // the copy is good, for now
			time.Sleep(24 * time.Hour)

			first, second := s.Browser, thief
			if thiefFirst {
				first, second = thief, s.Browser
			}
			wantBody(t, first, "/whoami", "alice") // gets another token
			open := first.Dial("/ws")
			open.Want("alice")
			telephone := elsewhere.Dial("/ws")
			telephone.Want("alice")
			time.Sleep(2 * time.Minute)

			start := time.Now()
			anonymous := second.Dial("/ws")
			anonymous.Want("nobody")
			if reason := open.WantClose(channels.StatusUnauthorized); reason != "the cookie was copied" {
				t.Errorf("reason %q", reason)
			}
			if took := time.Since(start); took > time.Second {
				t.Errorf("it took %v", took)
			}
			wantBody(t, first, "/whoami", "nobody")
			wantBody(t, second, "/whoami", "nobody")
			telephone.Send("still here")
			telephone.Want("still here")
			wantBody(t, elsewhere, "/whoami", "alice")
			if want := []string{s.user(t, "alice").ID}; !slices.Equal(stolen, want) {
				t.Errorf("the hook got %q, want %q", stolen, want)
			}
			logIn(t, s.Browser, "alice")
			wantBody(t, s.Browser, "/whoami", "alice")
			wantBody(t, thief, "/whoami", "nobody")
		})
	}
}

// A31: the many requests of a page that is opened after a while, and a socket among
// them, are one user's: nobody is taken for a thief.
func TestRememberedPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, func(s *site) {
			s.sessions.Store = new(sessions.MemoryStore)
			s.gate.Stolen = func(context.Context, string) { t.Error("somebody is taken for a thief") }
		})
		s.remember(t)
		for range 20 {
			time.Sleep(3 * time.Hour)
			before := cookie(t, s.Browser)
			parallel := steal(t, s, s.Browser) // requests that are sent before the answer is there
			c := s.Dial("/ws")
			c.Want("alice")
			if cookie(t, s.Browser) == before {
				t.Error("the token is the same")
			}
			wantBody(t, parallel, "/whoami", "alice")
			d := parallel.Dial("/ws")
			d.Want("alice")
			wantBody(t, s.Browser, "/whoami", "alice")
			time.Sleep(3 * time.Minute) // rechecks
			for _, c := range []*wstest.Client{c, d} {
				c.Send("still here")
				c.Want("still here")
				c.Close()
			}
		}
	})
}
