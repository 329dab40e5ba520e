package sessions_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/channels/sessions"
)

// remembered returns a browser with a session that is remembered for 90 days.
func remembered(t *testing.T) (*browser, *hookStore, *logbook) {
	store, m := newHooked()
	log := new(logbook)
	m.Logger = log.logger()
	b := newBrowser(t, m)
	b.visit(func(s *sessions.Session) {
		s.SetExpiry(90 * 24 * time.Hour)
		set(t, s, "who", "alice")
	})
	return b, store, log
}

// use is a request after some time, and reports who it is and whether the token was
// replaced.
func (b *browser) use(after time.Duration) (who string, replaced bool) {
	time.Sleep(after)
	before := b.cookie
	who = b.get("who")
	return who, b.cookie != before
}

// A31: the token of a remembered session is replaced while it is used. A former one ends
// the session, for who robbed and who was robbed.
func TestStolenToken(t *testing.T) {
	for _, thiefFirst := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b, store, log := remembered(t)
			thief := b.clone()
			first, second := b, thief
			if thiefFirst {
				first, second = thief, b
			}
			if who, replaced := first.use(20 * 24 * time.Hour); who != "alice" || !replaced {
				t.Fatalf("the first is %q, with another token: %v", who, replaced)
			}
			if who, replaced := first.use(time.Minute); who != "alice" || replaced {
				t.Errorf("a minute later the first is %q, with yet another token: %v", who, replaced)
			}
			time.Sleep(time.Hour)
			var id string
			second.visit(func(s *sessions.Session) {
				if old := s.Reused(); old == nil {
					t.Error("the second is not told")
				} else if who, _ := sessions.Get[string](old, "who"); who != "alice" {
					t.Errorf("of whom: %q", who)
				} else if id = old.ID(); id == "" || old.Set("k", 1) == nil {
					t.Errorf("ID %q, or it can be changed", id)
				}
				if s.ID() != "" || len(s.Keys()) > 0 {
					t.Errorf("the second has %v", s.Keys())
				}
			})
			if !strings.Contains(second.set, "Max-Age=0") {
				t.Errorf("the second keeps the cookie: %q", second.set)
			}
			if who, _ := first.use(0); who != "" {
				t.Errorf("the first is still %q", who)
			}
			if got := store.Store.(*sessions.MemoryStore).Len(); got != 0 {
				t.Errorf("%d sessions are left", got)
			}
			if log := log.String(); !strings.Contains(log, "has been copied") || !strings.Contains(log, id) {
				t.Errorf("log:\n%s", log)
			}
		})
	}
}

// A31: requests that were sent with the token before do not cost the session.
func TestTokenIsReplacedForSeveralRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _, _ := remembered(t)
		time.Sleep(time.Hour)
		late, later := b.clone(), b.clone()
		b.serve(func(w http.ResponseWriter, r *http.Request) {
			load(t, r)
			// Another one of the same page, at the same time.
			if who, replaced := late.use(0); who != "alice" || !replaced {
				t.Errorf("during the first request: %q, %v", who, replaced)
			}
		})
		b.cookie = late.cookie // that of the response which set one
		if who, replaced := b.use(time.Second); who != "alice" || replaced {
			t.Errorf("with the new token: %q, %v", who, replaced)
		}
		if who, replaced := later.use(30 * time.Second); who != "alice" || replaced {
			t.Errorf("a request that took its time: %q, replaced: %v", who, replaced)
		}
		if who, _ := b.use(time.Hour); who != "alice" {
			t.Errorf("an hour later: %q", who)
		}
	})
}

// A31: a client that never got its new token shows the former one, and gets another.
func TestTokenIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _, _ := remembered(t)
		time.Sleep(time.Hour)
		lost := b.clone()
		lost.use(0) // the response does not arrive
		for range 3 {
			again := b.clone()
			if who, replaced := again.use(time.Hour); who != "alice" || !replaced {
				t.Fatalf("with the former token: %q, replaced: %v", who, replaced)
			}
			lost = again
		}
		if who, _ := lost.use(time.Minute); who != "alice" {
			t.Errorf("with the last one: %q", who)
		}
		// Whoever shows a token that was overtaken has read it on the way.
		if who, _ := b.use(2 * time.Minute); who != "" {
			t.Errorf("with the first, after the last was seen: %q", who)
		}
		if who, _ := lost.use(0); who != "" {
			t.Errorf("the session lives: %q", who)
		}
	})
}

// Only sessions with a life of their own are watched, and only where it can be done.
func TestTokenIsNotReplaced(t *testing.T) {
	inBubble(t, func(t *testing.T, m *sessions.Manager) {
		b := newBrowser(t, m)
		b.setKey("who", "alice")
		if who, replaced := b.use(time.Hour); who != "alice" || replaced {
			t.Errorf("an ordinary session: %q, %v", who, replaced)
		}
		b.method = "HEAD"
		b.visit(func(s *sessions.Session) { s.SetExpiry(time.Hour * 24) })
		if b.set != "" {
			t.Errorf("C47: a response to HEAD sets %q", b.set)
		}
		b.visit(func(s *sessions.Session) {
			if s.Reused() != nil {
				t.Error("there is a session that was reused")
			}
		})
	})
	synctest.Test(t, func(t *testing.T) {
		b, store, _ := remembered(t)
		time.Sleep(time.Hour)
		for _, quiet := range []string{"HEAD", "OPTIONS"} {
			b.method = quiet
			if _, replaced := b.use(0); replaced {
				t.Errorf("C47: a response to %s replaces the token", quiet)
			}
		}
		b.method = ""
		b.serve(func(w http.ResponseWriter, r *http.Request) {
			load(t, r)
			w.WriteHeader(http.StatusNotModified)
		})
		if b.set != "" {
			t.Errorf("C47: a 304 sets %q", b.set)
		}
		store.save = func() error { return errors.New("down") }
		if who, replaced := b.use(0); who != "alice" || replaced {
			t.Errorf("the store takes nothing: %q, replaced: %v", who, replaced)
		}
		store.save = nil
		if who, replaced := b.use(0); who != "alice" || !replaced {
			t.Errorf("the store is up again: %q, replaced: %v", who, replaced)
		}
	})
}

// A socket's session is the same one, whatever tokens its browser gets.
func TestTokenIsReplacedUnderASocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _, _ := remembered(t)
		s := b.acceptInMemory(t)
		for range 3 {
			if who, replaced := b.use(time.Hour); who != "alice" || !replaced {
				t.Fatalf("%q, replaced: %v", who, replaced)
			}
		}
		b.setKey("page", "1")
		set(t, s, "socket", "1")
		if err := s.Save(t.Context()); err != nil {
			t.Errorf("Save: %v", err)
		}
		if page, _ := sessions.Get[string](s, "page"); page != "1" || b.get("socket") != "1" {
			t.Errorf("page %q, socket %q", page, b.get("socket"))
		}
		if got := deadline(t, s); !got.Equal(s.Expires()) {
			t.Errorf("ends at %v, want %v", got, s.Expires())
		}
		if who, _ := b.use(0); who != "alice" {
			t.Errorf("the browser is %q", who)
		}
	})
}

// A31: who arrived before the token was replaced, and asks for the session much later, is
// no thief: a request of hours, and a socket that was opened without asking.
func TestTokenOfWhoCameBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _, _ := remembered(t)
		replaceTwice := func() {
			for range 2 {
				if who, replaced := b.use(time.Hour); who != "alice" || !replaced {
					t.Errorf("the browser is %q, with another token: %v", who, replaced)
				}
				b.use(time.Minute) // shows the new one
			}
		}
		for _, committed := range []bool{false, true} {
			late := b.clone()
			late.serve(func(w http.ResponseWriter, r *http.Request) {
				if committed {
					w.WriteHeader(http.StatusOK) // as a socket is: nothing can be set any more
				}
				replaceTwice()
				if s := load(t, r); s.Reused() != nil || s.ID() != "" {
					t.Errorf("committed %v: reused %v, session %v", committed, s.Reused(), s)
				}
			})
			if who, _ := b.use(time.Minute); who != "alice" {
				t.Errorf("committed %v: the browser is %q", committed, who)
			}
		}
	})
}

// A change that needs the cookie, in a request with the token before, does not put that
// one back.
func TestExpiryWithTokenBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _, _ := remembered(t)
		time.Sleep(time.Hour)
		late := b.clone()
		b.use(0)
		late.visit(func(s *sessions.Session) { s.SetExpiry(time.Hour * 24) })
		if who, _ := late.use(10 * time.Minute); who != "alice" {
			t.Errorf("the one who changed it is %q", who)
		}
	})
}
