package sessions_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/channels/sessions"
)

// A MemoryStore that is full refuses, and makes room when something expires.
func TestMemoryStoreIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &sessions.MemoryStore{MaxBytes: 10_000}
		save := func(key string, n int, version uint64, life time.Duration) (uint64, error) {
			return store.Save(t.Context(), key, make([]byte, n), version, time.Now().Add(life))
		}
		saved := 0
		for ; saved < 1000; saved++ {
			if _, err := save(fmt.Sprint(saved), 100, 0, time.Duration(saved+1)*time.Minute); err != nil {
				break
			}
		}
		if saved < 30 || saved > 100 {
			t.Fatalf("%d sessions of 100 bytes fit into 10,000", saved)
		}
		if store.Len() != saved {
			t.Errorf("Len is %d, want %d: nobody is put out for another", store.Len(), saved)
		}
		_, version, _ := store.Load(t.Context(), "5")
		if _, err := save("5", 100, version, time.Hour); err != nil {
			t.Errorf("a session that does not grow is refused: %v", err)
		}
		if _, err := save("new", 100, 0, time.Hour); err == nil {
			t.Error("a session over the bound is taken")
		}
		time.Sleep(time.Minute)
		if _, err := save("new", 100, 0, time.Hour); err != nil {
			t.Errorf("one has expired, and there is no room: %v", err)
		}
		time.Sleep(24 * time.Hour)
		if got := store.Len(); got != 0 {
			t.Errorf("Len is %d after all have expired", got)
		}
		if _, err := save("big", 9_000, 0, time.Hour); err != nil {
			t.Errorf("an empty store has no room: %v", err)
		}
	})
}

// A full store is a 503, not a session that is lost.
func TestMemoryStoreFullIsUnavailable(t *testing.T) {
	m := &sessions.Manager{Store: &sessions.MemoryStore{MaxBytes: 1}, Logger: new(logbook).logger()}
	res := newBrowser(t, m).visit(func(s *sessions.Session) { set(t, s, "k", "v") })
	if res.StatusCode != 503 {
		t.Errorf("status %d, want 503", res.StatusCode)
	}
}

// L8: a store does not print what it has.
func TestMemoryStorePrints(t *testing.T) {
	store := &sessions.MemoryStore{}
	store.Save(t.Context(), "key", []byte("secret"), 0, time.Now().Add(time.Hour))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d"} {
		if got := fmt.Sprintf(verb, store); got != "MemoryStore(1)" || strings.Contains(got, "secret") {
			t.Errorf("L8: %s prints %q", verb, got)
		}
	}
}

func ExampleMemoryStore() {
	sess := &sessions.Manager{Store: &sessions.MemoryStore{MaxBytes: 256 << 20}}
	fmt.Println(sess.Validate(), sess.Store)
	// Output: <nil> MemoryStore(0)
}
