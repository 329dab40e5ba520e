package auth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/auth"
)

// T8: credentials of different users are refused, whatever they are.
func TestTwoCredentials(t *testing.T) {
	s := newTokenSite(t, nil)
	h := auth.Stack(&s.sessions, &s.gate)(s.mux)
	logIn(t, s.Browser, "alice")
	session := withCookie(cookie(t, s.Browser))
	bearer := func(token string) func(*http.Request) { return header("Authorization", "Bearer "+token) }
	tests := []struct {
		name, target string
		change       []func(*http.Request)
		want         string
	}{
		{"session and bearer of one", "/whoami", []func(*http.Request){session, bearer("alice-token")}, "200 alice"},
		{"session and bearer of two", "/whoami", []func(*http.Request){session, bearer("bob-token")}, "401 Please log in."},
		{"session and query of two", "/whoami?token=bob-token", []func(*http.Request){session}, "401 Please log in."},
		{"bearer and query of two", "/whoami?token=bob-token", []func(*http.Request){bearer("alice-token")}, "401 Please log in."},
		{"three of one", "/whoami?token=alice-token", []func(*http.Request){session, bearer("alice-token")}, "200 alice"},
		{"session, and a token that is no good", "/whoami", []func(*http.Request){session, bearer("guessed")}, "401 Please log in."},
		{"the same behind Require", "/members", []func(*http.Request){session, bearer("guessed")}, "401 Please log in."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := serve(h, "GET", tt.target, tt.change...); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
	if resp := s.DialRefused("/ws", offer("chat", bearerProtocol("bob-token"))); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("a handshake with the session of one and the token of another: %s", resp.Status)
	}
}

// T12: a connection ends with its token, unless it shows another in time.
func TestTokenExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTokenSite(t, nil)
		c := s.Dial("/ws", offer("chat", bearerProtocol("hour-token")))
		c.Want("alice")
		start := time.Now()
		_, err := c.Read(t.Context())
		if took := time.Since(start); channels.CloseStatus(err) != channels.StatusUnauthorized || took != time.Hour {
			t.Errorf("%v after %v, want 3000 after an hour", err, took)
		}
	})
}

func TestRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTokenSite(t, func(s *site) {
			s.mux.Handle("/refresh", s.srv.HandlerFunc(func(ctx context.Context, socket *channels.Socket) error {
				for m, err := range socket.Messages(ctx) {
					if err != nil {
						return err
					}
					grant := auth.Grant{UserID: s.user(t, string(m.Data)).ID, Expires: time.Now().Add(time.Hour)}
					answer := "refreshed"
					if err := s.gate.Refresh(ctx, grant); err != nil {
						answer = fmt.Sprint("denied: ", errors.Is(err, auth.ErrDenied))
					}
					if err := socket.Send(ctx, channels.Text(answer)); err != nil {
						return err
					}
				}
				return nil
			}))
		})
		c := s.Dial("/refresh", offer("chat", bearerProtocol("hour-token")))
		start := time.Now()
		for range 3 {
			time.Sleep(50 * time.Minute)
			c.Send("alice")
			c.Want("refreshed")
		}
		c.Send("bob") // T14: not as another user
		c.Want("denied: true")
		_, err := c.Read(t.Context())
		if took := time.Since(start); channels.CloseStatus(err) != channels.StatusUnauthorized || took != 210*time.Minute {
			t.Errorf("%v after %v, want 3000 an hour after the last", err, took)
		}
	})
}

// A session that ends takes the sockets along that its pages opened with a token.
func TestTokenAndSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTokenSite(t, nil)
		logIn(t, s.Browser, "alice")
		c := s.Dial("/ws", offer("chat", bearerProtocol("alice-token")))
		c.Want("alice")
		s.PostForm("/logout", nil)
		c.WantClose(channels.StatusUnauthorized)
	})
}

// A user whom only the token describes.
func TestGrantWithUser(t *testing.T) {
	verify := func(_ context.Context, token string) (auth.Grant, error) {
		return auth.Grant{User: Person{ID: token, Name: "Mr " + token}}, nil
	}
	gate := &auth.Gate[Person]{Schemes: []auth.Scheme{auth.Bearer(verify)}, Logger: quiet}
	h := gate.Handler(http.HandlerFunc(greet))
	if got := serve(h, "GET", "/", header("Authorization", "Bearer 7")); got != "200 hello Mr 7" {
		t.Error(got)
	}
	if err := gate.RevokeUser(t.Context(), "7"); err != nil {
		t.Fatal(err)
	}
	scope := channels.NewScope("chat", "")
	ctx := channels.ContextWithScope(t.Context(), scope)
	old := auth.Grant{User: Person{ID: "7"}, Issued: time.Now().Add(-time.Minute)}
	if err := gate.AdoptGrant(ctx, old); !errors.Is(err, auth.ErrDenied) {
		t.Errorf("issued before the revocation: %v", err)
	}
	for name, grant := range map[string]auth.Grant{
		"nobody":   {},
		"no ID":    {User: Person{}},
		"no table": {UserID: "7"},
	} {
		if err := gate.AdoptGrant(ctx, grant); !errors.Is(err, auth.ErrDenied) {
			t.Errorf("%s: %v, want ErrDenied", name, err)
		}
	}
	if got := panicOf(func() { gate.AdoptGrant(ctx, auth.Grant{User: &Person{ID: "7"}}) }); !strings.Contains(got, "*auth_test.Person") {
		t.Errorf("a user of another type: panic %q", got)
	}
}
