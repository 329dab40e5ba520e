package sessions_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/channels/sessions"
)

// A hookStore calls a function before each call of a store; its error, if any, is
// what the call returns.
type hookStore struct {
	sessions.Store
	load, save, delete func() error

	mu   sync.Mutex
	keys []string // of all calls
}

func (h *hookStore) hook(key string, f func() error) error {
	h.mu.Lock()
	h.keys = append(h.keys, key)
	h.mu.Unlock()
	if f == nil {
		return nil
	}
	return f()
}

func (h *hookStore) Load(ctx context.Context, key string) ([]byte, uint64, error) {
	if err := h.hook(key, h.load); err != nil {
		return nil, 0, err
	}
	return h.Store.Load(ctx, key)
}

func (h *hookStore) Save(ctx context.Context, key string, data []byte, version uint64, expires time.Time) (uint64, error) {
	if err := h.hook(key, h.save); err != nil {
		return 0, err
	}
	return h.Store.Save(ctx, key, data, version, expires)
}

func (h *hookStore) Delete(ctx context.Context, key string) error {
	if err := h.hook(key, h.delete); err != nil {
		return err
	}
	return h.Store.Delete(ctx, key)
}

func newHooked() (*hookStore, *sessions.Manager) {
	store := &hookStore{Store: &sessions.MemoryStore{}}
	return store, &sessions.Manager{Store: store, Logger: new(logbook).logger()}
}

// C50, C51, C52, C53: the token is random and is never shown to the store, which
// sees a hash of it under a prefix; what is no token, it is not asked for.
func TestStoreKeys(t *testing.T) {
	store, m := newHooked()
	b := newBrowser(t, m)
	b.setKey("k", "v")
	token := b.cookie
	if !regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`).MatchString(token) {
		t.Errorf("token %q, want 43 characters of base64url", token)
	}
	b.get("k")
	for _, key := range store.keys {
		if !regexp.MustCompile(`^session:[A-Za-z0-9_-]{43}$`).MatchString(key) {
			t.Errorf("C53: key %q", key)
		}
		if strings.Contains(key, token) || strings.Contains(key, token[:10]) {
			t.Errorf("C51: the store sees the token: %q", key)
		}
	}
	tests := []struct {
		name, cookie string
		asked        bool
	}{
		{"C25 a token of the attacker's choice", strings.Repeat("A", 43), true},
		{"C50 another case", swapCase(token), true},
		{"C50 another case at the end", token[:22] + swapCase(token[22:]), true},
		{"C50 another end", token[:42] + string(rune('A'+(token[42]-'A'+1)%26)), true},
		{"C50 and a space", token + " ", false},
		{"C52 a path", "../../" + token[6:], false},
		{"C52 a short token", token[:42], false},
		{"C52 a long token", token + "A", false},
		{"C52 the store's key", store.keys[0], false},
		{"C10 a signed cookie", forge(ring(t, "a"), "m"+someID+"{}", farFuture), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			store.keys = nil
			thief := &browser{tb: t, m: m, cookie: tt.cookie}
			if got := thief.get("k"); got != "" {
				t.Errorf("found %q", got)
			}
			if asked := len(store.keys) > 0; asked != tt.asked {
				t.Errorf("the store was asked: %v, want %v", asked, tt.asked)
			}
			thief.setKey("k", "mine")
			if thief.cookie == tt.cookie {
				t.Error("C25: the token was adopted")
			}
		})
	}
	if b.get("k") != "v" {
		t.Error("the session suffered from tokens that resemble its own")
	}
}

func swapCase(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ToLower(string(r)) != string(r) {
			return r + 'a' - 'A'
		} else if strings.ToUpper(string(r)) != string(r) {
			return r - 'a' + 'A'
		}
		return r
	}, s)
}

// C43: a store that is down is an error, and nobody; C44: also at the save.
func TestStoreIsDown(t *testing.T) {
	store, m := newHooked()
	b := newBrowser(t, m)
	b.setKey("who", "alice")
	down := errors.New("connection refused")

	store.load = func() error { return down }
	b.serve(func(w http.ResponseWriter, r *http.Request) {
		for range 2 {
			s, err := sessions.Load(r.Context())
			if !isErr(err, sessions.ErrUnavailable) || !isErr(err, down) || s != nil {
				t.Errorf("C43: Load: %v, %v; want ErrUnavailable", s, err)
			}
		}
		store.load = nil
		if s := load(t, r); s.IsNew() {
			t.Error("C43: the store is back, and the session is not")
		}
		ctx, cancel := context.WithCancel(r.Context())
		cancel()
		if err := load(t, r).Reload(ctx); err != nil && !isErr(err, sessions.ErrUnavailable) {
			t.Errorf("Reload with a cancelled context: %v", err)
		}
	})
	store.save = func() error { return down }
	res := b.visit(func(s *sessions.Session) { set(t, s, "k", "v") })
	if res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("C44: update: status %d, want 503", res.StatusCode)
	}
	before := b.cookie
	res = b.visit(func(s *sessions.Session) { s.Renew() })
	if res.StatusCode != http.StatusServiceUnavailable || b.cookie != before {
		t.Errorf("C44: renewal: status %d, want 503, cookie %q", res.StatusCode, b.set)
	}
	store.save, store.delete = nil, func() error { return down }
	res = b.visit(func(s *sessions.Session) { s.Destroy() })
	if res.StatusCode != http.StatusServiceUnavailable || b.cookie != before {
		t.Errorf("C44: a logout that did not reach the store: status %d, want 503, cookie %q", res.StatusCode, b.set)
	}
	store.delete = nil
	if b.get("who") != "alice" {
		t.Error("the session is lost")
	}
}

// A renewal that breaks off leaves one session, not two.
func TestRenewalBreaksOff(t *testing.T) {
	store, m := newHooked()
	b := newBrowser(t, m)
	b.setKey("who", "alice")
	saves := 0
	store.save = func() error {
		if saves++; saves == 2 { // the end of the old token
			return errors.New("connection reset")
		}
		return nil
	}
	b.visit(func(s *sessions.Session) { s.Renew() })
	store.save = nil
	if got := store.Store.(*sessions.MemoryStore).Len(); got != 1 || b.get("who") != "alice" {
		t.Errorf("%d sessions, who is %q", got, b.get("who"))
	}
	// What it leaves is nobody's also if it cannot be deleted.
	saves, store.save = 0, func() error {
		if saves++; saves == 2 {
			return errors.New("connection reset")
		}
		return nil
	}
	store.delete = func() error { return errors.New("connection reset") }
	if res := b.visit(func(s *sessions.Session) { s.Renew() }); res.StatusCode != 503 {
		t.Errorf("status %d, want 503", res.StatusCode)
	}
	store.save, store.delete = nil, nil
	if b.get("who") != "alice" {
		t.Error("the session is lost")
	}
}

// That the use of a session could not be recorded is no reason to refuse it.
func TestTouchFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, m := newHooked()
		store.Store = &sessions.MemoryStore{}
		m.IdleTimeout = 10 * time.Minute
		b := newBrowser(t, m)
		b.setKey("who", "alice")
		time.Sleep(5 * time.Minute)
		store.save = func() error { return errors.New("down") }
		if res := b.visit(func(*sessions.Session) {}); res.StatusCode != 200 {
			t.Errorf("status %d", res.StatusCode)
		}
		// Another request recorded its use first: that serves as well.
		store.save = nil
		res := b.visit(func(*sessions.Session) { b.clone().get("who") })
		if res.StatusCode != 200 {
			t.Errorf("status %d", res.StatusCode)
		}
		time.Sleep(9 * time.Minute)
		if b.get("who") != "alice" {
			t.Error("the use was not recorded")
		}
	})
}

// A session that no cookie could hold fits into a store; one without measure does not.
func TestStoreHoldsMore(t *testing.T) {
	_, m := newHooked()
	b := newBrowser(t, m)
	b.setKey("k", strings.Repeat("x", 100_000))
	if len(b.get("k")) != 100_000 {
		t.Error("100 kB are lost")
	}
	b.visit(func(s *sessions.Session) {
		set(t, s, "k", strings.Repeat("x", sessions.MaxStored))
		if err := s.Save(t.Context()); !isErr(err, sessions.ErrTooLarge) {
			t.Errorf("C35: Save: %v, want ErrTooLarge", err)
		}
		s.Delete("k")
	})
}

// C35, C36: what a store has is checked like what a client sends.
func TestStoredDataIsChecked(t *testing.T) {
	const cookie = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	now := time.Now().Unix()
	turn := sessions.Turn(cookie, now)
	head := fmt.Sprintf("s1.%d.%d.%s", now, now+3600, turn)
	tests := map[string]string{
		"empty":                  "",
		"C36 pickle":             "\x80\x04\x95",
		"C36 gob":                "\x0d\x7f\x04\x01\x02",
		"C10 a cookie":           forge(ring(t, "a"), "m"+someID+`{"who":"alice"}`, time.Now().Add(time.Hour)),
		"no times":               "s1..." + turn + "m" + someID + "{}",
		"C17 a negative time":    fmt.Sprintf("s1.-1.%d.%sm%s{}", now+3600, turn, someID),
		"C19 for ever":           fmt.Sprintf("s1.%d.99999999999.%sm%s{}", now, turn, someID),
		"C35 a key twice":        head + "m" + someID + `{"a":1,"a":2}`,
		"C35 depth":              head + "m" + someID + `{"a":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`,
		"C35 too large":          head + "m" + someID + `{"a":"` + strings.Repeat("x", sessions.MaxStored) + `"}`,
		"another version's form": "s2" + head[2:] + "m" + someID + "{}",
		"another one's token":    strings.Replace(head, turn, sessions.Turn(strings.Repeat("B", 43), now), 1) + "m" + someID + "{}",
		"no token":               fmt.Sprintf("s1.%d.%d.%d.1...m%s{}", now, now+3600, now, someID),
		"a renewed one":          head + "x" + someID + "{}",
	}
	taken := func(t *testing.T, data string) (taken bool) {
		_, m := newHooked()
		b := newBrowser(t, m)
		b.cookie = cookie
		if _, err := m.Store.Save(t.Context(), sessions.StoreKey(cookie), []byte(data), 0, farFuture); err != nil {
			t.Fatal(err)
		}
		b.visit(func(s *sessions.Session) { taken = !s.IsNew() || len(s.Keys()) > 0 })
		return taken
	}
	for name, data := range tests {
		if taken(t, data) {
			t.Errorf("%s: taken", name)
		}
	}
	if !taken(t, head+"m"+someID+"{}") {
		t.Error("what is good is not taken: the tests show nothing")
	}
}
