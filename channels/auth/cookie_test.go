package auth_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/auth"
)

// A browser sends what it has, so a cookie that is no good is nobody's.
func TestCookie(t *testing.T) {
	s := newCookieSite(t)
	h := s.gate.Handler(s.mux)
	tests := []struct {
		name, cookies, want string
	}{
		{"good", "sid=alice-token", "200 alice"},
		{"twice", "sid=alice-token; sid=alice-token", "200 alice"},
		{"none", "other=alice-token", "200 nobody"},
		{"empty", "sid=", "200 nobody"},
		{"another of the same name", "sid=alice-token; sid=bob-token", "200 nobody"},
		{"unknown", "sid=guessed", "200 nobody"},
		{"of a user who is not there", "sid=ghost-token", "200 nobody"},
		{"expired", "sid=expired-token", "200 nobody"},
		{"8 KiB and 1", "sid=" + strings.Repeat("x", 8193), "200 nobody"},
		{"not checkable", "sid=outage", "503 Logging in is not possible at the moment."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := serve(h, "GET", "/whoami", header("Cookie", tt.cookies)); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if tt.want == "200 nobody" {
				if got := serve(h, "GET", "/members", header("Cookie", tt.cookies)); got != "401 Please log in." {
					t.Errorf("behind Require: %s", got)
				}
			}
		})
	}
}

// Beside a token a cookie is a credential like any other: they must be one user's.
func TestCookieAndToken(t *testing.T) {
	s := newCookieSite(t)
	h := s.gate.Handler(s.mux)
	tests := []struct{ name, cookie, token, want string }{
		{"of one", "sid=bob-token", "bob-token", "200 bob"},
		{"of two", "sid=alice-token", "bob-token", "401 Please log in."},
		{"cookie that is no good", "sid=guessed", "bob-token", "200 bob"},
		{"token that is no good", "sid=alice-token", "guessed", "401 Please log in."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := serve(h, "GET", "/whoami", header("Cookie", tt.cookie), header("Authorization", "Bearer "+tt.token))
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestCookieRevoked(t *testing.T) {
	s := newCookieSite(t)
	h := s.gate.Handler(s.mux)
	cookie := header("Cookie", "sid=alice-token")
	if got := serve(h, "GET", "/whoami", cookie); got != "200 alice" {
		t.Fatalf("before: %s", got)
	}
	if err := s.gate.RevokeSession(t.Context(), "login-1"); err != nil {
		t.Fatal(err)
	}
	if got := serve(h, "GET", "/whoami", cookie); got != "200 nobody" {
		t.Errorf("after RevokeSession: %s", got)
	}
	c := s.Dial("/ws", func(o *channels.DialOptions) {
		o.Header = http.Header{"Cookie": {"sid=alice-token"}}
		o.Subprotocols = []string{"chat"}
	})
	c.Want("nobody")
}

// newCookieSite returns a site whose users show "sid", or a bearer token.
func newCookieSite(t *testing.T) *site {
	return newTokenSite(t, func(s *site) {
		known := s.gate.Schemes[0].Verify
		verify := func(ctx context.Context, value string) (auth.Grant, error) {
			grant, err := known(ctx, value)
			if value == "alice-token" {
				grant.Session = "login-1"
			}
			return grant, err
		}
		s.gate.Schemes = []auth.Scheme{auth.Cookie("sid", verify), auth.Bearer(known)}
	})
}
