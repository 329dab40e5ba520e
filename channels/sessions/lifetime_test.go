package sessions_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/channels/sessions"
)

// inBubble runs a test with all data in the cookie, and with a store, in fake time.
func inBubble(t *testing.T, f func(t *testing.T, m *sessions.Manager)) {
	t.Helper()
	both(t, func(t *testing.T, m *sessions.Manager) {
		synctest.Test(t, func(t *testing.T) {
			if m.Store != nil {
				m.Store = &sessions.MemoryStore{}
			}
			f(t, m)
		})
	})
}

// C18: the lifetime ends a session however much it is used and changed.
func TestLifetime(t *testing.T) {
	inBubble(t, func(t *testing.T, m *sessions.Manager) {
		m.Lifetime = time.Hour
		m.IdleTimeout = 10 * time.Minute
		b := newBrowser(t, m)
		b.setKey("who", "alice")
		start := time.Now()
		for range 11 {
			time.Sleep(5 * time.Minute)
			if b.get("who") != "alice" {
				t.Fatalf("ended after %v", time.Since(start))
			}
			b.visit(func(s *sessions.Session) {
				set(t, s, "at", time.Now())
				if s.Expires().After(start.Add(time.Hour)) {
					t.Errorf("expires at %v, after its lifetime", s.Expires())
				}
			})
		}
		time.Sleep(5*time.Minute - time.Second)
		if b.get("who") != "alice" {
			t.Error("ended a second early")
		}
		time.Sleep(time.Second)
		if b.get("who") == "alice" {
			t.Error("C18: alive at the end of its lifetime")
		}
	})
}

// C18: the idle timeout ends a session that is not used; that it is used is recorded
// now and then, not each time.
func TestIdleTimeout(t *testing.T) {
	inBubble(t, func(t *testing.T, m *sessions.Manager) {
		m.IdleTimeout = 100 * time.Minute
		b := newBrowser(t, m)
		b.setKey("who", "alice")

		recorded := 0
		for range 100 {
			time.Sleep(time.Minute)
			before := sessions.Saves(m)
			if b.get("who") != "alice" {
				t.Fatal("ended while it was used")
			}
			if b.set != "" || sessions.Saves(m) != before {
				recorded++
			}
		}
		if recorded != 10 {
			t.Errorf("of 100 uses %d were recorded, want 10", recorded)
		}
		time.Sleep(100*time.Minute - time.Second)
		if b.clone().get("who") != "alice" {
			t.Error("ended a second early")
		}
		stale := b.clone()
		time.Sleep(time.Second)
		if m.Store == nil && stale.get("who") == "alice" {
			t.Error("C18: alive after the idle timeout")
		}
	})
}

// A request that does not ask for the session is no use of it.
func TestIdleTimeoutWithoutUse(t *testing.T) {
	inBubble(t, func(t *testing.T, m *sessions.Manager) {
		m.IdleTimeout = 10 * time.Minute
		b := newBrowser(t, m)
		b.setKey("who", "alice")
		for range 10 {
			time.Sleep(time.Minute)
			b.serve(func(http.ResponseWriter, *http.Request) {})
		}
		if b.get("who") == "alice" {
			t.Error("alive after ten minutes without use")
		}
	})
}

// "Remember me": a life of its own, to which the idle timeout does not apply.
func TestSetExpiry(t *testing.T) {
	inBubble(t, func(t *testing.T, m *sessions.Manager) {
		m.Lifetime, m.IdleTimeout = time.Hour, 10*time.Minute
		b := newBrowser(t, m)
		b.visit(func(s *sessions.Session) {
			s.SetExpiry(30 * 24 * time.Hour) // before the session exists
			set(t, s, "who", "alice")
			if want := time.Now().Add(30 * 24 * time.Hour); !s.Expires().Equal(want) {
				t.Errorf("expires %v, want %v", s.Expires(), want)
			}
		})
		time.Sleep(29 * 24 * time.Hour)
		b.visit(func(s *sessions.Session) { set(t, s, "k", 1); s.Renew() })
		time.Sleep(24*time.Hour - time.Second)
		if b.get("who") != "alice" {
			t.Error("ended a second early")
		}
		time.Sleep(time.Second)
		if b.get("who") == "alice" {
			t.Error("C18: alive after its own end, which Renew does not move")
		}
	})
}

// SetExpiry alone is a change, and can be taken back.
func TestSetExpiryOfExisting(t *testing.T) {
	inBubble(t, func(t *testing.T, m *sessions.Manager) {
		b := newBrowser(t, m)
		b.setKey("who", "alice")
		if b.visit(func(s *sessions.Session) { s.SetExpiry(time.Minute) }); b.set == "" {
			t.Error("no cookie with the new age")
		}
		b.visit(func(s *sessions.Session) {
			if got := time.Until(s.Expires()); got != time.Minute {
				t.Errorf("expires in %v, want 1m", got)
			}
		})
		time.Sleep(30 * time.Second)
		b.visit(func(s *sessions.Session) { s.SetExpiry(-1) })
		time.Sleep(13 * 24 * time.Hour)
		if b.get("who") != "alice" {
			t.Error("the Manager's lifetime was not restored")
		}
	})
}

// Renew begins a new lifetime, as a login does.
func TestRenewBeginsALifetime(t *testing.T) {
	inBubble(t, func(t *testing.T, m *sessions.Manager) {
		m.Lifetime = time.Hour
		b := newBrowser(t, m)
		b.setKey("who", "alice")
		time.Sleep(59 * time.Minute)
		b.visit(func(s *sessions.Session) { s.Renew() })
		time.Sleep(59 * time.Minute)
		if b.get("who") != "alice" {
			t.Error("ended")
		}
		time.Sleep(time.Minute)
		if b.get("who") == "alice" {
			t.Error("C18: alive after the new lifetime")
		}
	})
}
