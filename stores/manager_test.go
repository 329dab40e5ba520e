package stores_test

import (
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluicehq/sluice/channels/sessions"
	"github.com/sluicehq/sluice/channels/sessions/sqlstore"
)

// A site has sessions in a store; several of one store are several servers.
type site struct {
	t *testing.T
	m *sessions.Manager
}

func newSite(t *testing.T, store sessions.Store) *site {
	return &site{t, &sessions.Manager{Store: store, Logger: slog.New(slog.DiscardHandler)}}
}

// visit sends a request with a cookie and returns the status and the cookie after it.
func (s *site) visit(cookie string, f func(*sessions.Session) error) (int, string) {
	s.t.Helper()
	h := s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sess, err := sessions.Load(r.Context())
		if err == nil {
			err = f(sess)
		}
		switch {
		case errors.Is(err, sessions.ErrUnavailable):
			http.Error(w, "later", http.StatusServiceUnavailable)
		case err != nil:
			s.t.Error(err)
		}
	}))
	r := httptest.NewRequest("POST", "/", nil)
	r.Header.Set("Cookie", "__Host-session="+cookie)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if line := w.Header().Get("Set-Cookie"); line != "" {
		cookie, _, _ = strings.Cut(strings.TrimPrefix(line, "__Host-session="), ";")
	}
	return w.Code, cookie
}

func (s *site) keys(cookie string) (keys []string) {
	s.t.Helper()
	s.visit(cookie, func(sess *sessions.Session) error {
		keys = sess.Keys()
		return nil
	})
	return keys
}

// C40: twenty requests to two servers change twenty keys of one session. Each key is
// there, unless its request was told of a conflict.
func TestSessionsOnTwoServers(t *testing.T) {
	dialects(t, func(t *testing.T, db *sql.DB, d sqlstore.Dialect) {
		store := newSQL(t, db, d)
		sites := []*site{newSite(t, store), newSite(t, store)}
		_, cookie := sites[0].visit("", func(s *sessions.Session) error { return s.Set("first", true) })
		var wg sync.WaitGroup
		var mu sync.Mutex
		want := []string{"first"}
		for i := range 20 {
			wg.Go(func() {
				key := fmt.Sprint(i)
				status, _ := sites[i%2].visit(cookie, func(s *sessions.Session) error { return s.Set(key, i) })
				mu.Lock()
				defer mu.Unlock()
				switch status {
				case http.StatusOK:
					want = append(want, key)
				case http.StatusConflict:
				default:
					t.Errorf("status %d", status)
				}
			})
		}
		wg.Wait()
		keys := sites[0].keys(cookie)
		slices.Sort(keys)
		slices.Sort(want)
		if !slices.Equal(keys, want) {
			t.Errorf("C40: the session has %v, and what was saved is %v", keys, want)
		}
		if len(want) < 10 {
			t.Errorf("C40: %d of 20 requests were saved", len(want)-1)
		}
	})
}

// C41, C20: what one server ended, a slow request on another does not bring back.
func TestLogoutOnAnotherServer(t *testing.T) {
	dialects(t, func(t *testing.T, db *sql.DB, d sqlstore.Dialect) {
		store := newSQL(t, db, d)
		one, two := newSite(t, store), newSite(t, store)
		_, cookie := one.visit("", func(s *sessions.Session) error { return s.Set("user", "alice") })
		status, _ := one.visit(cookie, func(s *sessions.Session) error {
			two.visit(cookie, func(s *sessions.Session) error { s.Destroy(); return nil })
			return s.Set("cart", "full")
		})
		if status != http.StatusConflict {
			t.Errorf("C41: status %d, want 409", status)
		}
		if keys := two.keys(cookie); len(keys) > 0 {
			t.Errorf("C41: the session is back, with %v", keys)
		}
	})
}

// A23: a socket of one server sees what another has done to its session: that it was used,
// renewed, ended; without using it.
func TestDeadlinesOnTwoServers(t *testing.T) {
	dialects(t, func(t *testing.T, db *sql.DB, d sqlstore.Dialect) {
		store := newSQL(t, db, d)
		one, two := newSite(t, store), newSite(t, store)
		var socket *sessions.Session
		_, cookie := one.visit("", func(s *sessions.Session) error { socket = s; return s.Set("user", "alice") })
		look := func() time.Time {
			ends, err := sessions.Deadlines(t.Context(), []*sessions.Session{socket})
			if err != nil {
				t.Fatal(err)
			}
			return ends[0]
		}
		if got := look(); !got.Equal(socket.Expires()) || got.IsZero() {
			t.Errorf("ends at %v, want %v", got, socket.Expires())
		}
		_, cookie = two.visit(cookie, func(s *sessions.Session) error { s.SetExpiry(time.Hour); return nil })
		if got := time.Until(look()).Round(time.Minute); got != time.Hour {
			t.Errorf("after SetExpiry it ends in %v, want an hour", got)
		}
		_, cookie = two.visit(cookie, func(s *sessions.Session) error { s.Renew(); return nil })
		if got := time.Until(look()).Round(time.Minute); got != time.Hour {
			t.Errorf("after Renew it ends in %v, want an hour", got)
		}
		two.visit(cookie, func(s *sessions.Session) error { s.Destroy(); return nil })
		if got := look(); !got.IsZero() {
			t.Errorf("after the logout it ends at %v", got)
		}
	})
}

// C43: a database that is gone is a 503, for who is logged in and who is not.
func TestDatabaseIsGone(t *testing.T) {
	dialects(t, func(t *testing.T, db *sql.DB, d sqlstore.Dialect) {
		s := newSite(t, newSQL(t, db, d))
		_, cookie := s.visit("", func(s *sessions.Session) error { return s.Set("user", "alice") })
		db.Close()
		if status, _ := s.visit(cookie, func(*sessions.Session) error { return nil }); status != http.StatusServiceUnavailable {
			t.Errorf("C43: status %d, want 503", status)
		}
		status, got := s.visit("", func(s *sessions.Session) error { return s.Set("user", "bob") })
		if status != http.StatusServiceUnavailable || got != "" {
			t.Errorf("C44: status %d, want 503, cookie %q", status, got)
		}
	})
}

// C51: what is in the table is no token.
func TestTableHasNoTokens(t *testing.T) {
	dialects(t, func(t *testing.T, db *sql.DB, d sqlstore.Dialect) {
		s := newSite(t, newSQL(t, db, d))
		_, cookie := s.visit("", func(s *sessions.Session) error { return s.Set("user", "alice") })
		var id string
		var data []byte
		if err := db.QueryRowContext(t.Context(), "SELECT id, data FROM "+sqlstore.DefaultTable).Scan(&id, &data); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(id+string(data), cookie) {
			t.Error("C51: the token is in the table")
		}
		if keys := s.keys(strings.TrimPrefix(id, "session:")); len(keys) > 0 {
			t.Error("C51: what is in the table is good for a cookie")
		}
	})
}
