package auth_test

import (
	"testing"
	"testing/synctest"

	"github.com/sluicehq/sluice/channels"
)

func TestLoginAndSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil)
		wantBody(t, s.Browser, "/whoami", "nobody")
		logIn(t, s.Browser, "alice")
		wantBody(t, s.Browser, "/whoami", "alice")
		c := s.Dial("/ws")
		c.Want("alice")
		s.PostForm("/logout", nil)
		if reason := c.WantClose(channels.StatusUnauthorized); reason != "logged out" {
			t.Errorf("close reason %q", reason)
		}
		wantBody(t, s.Browser, "/whoami", "nobody")
	})
}
