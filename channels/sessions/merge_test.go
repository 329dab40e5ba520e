package sessions_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/channels/sessions"
)

// C40: what two requests change at the same time is all there, unless it is the same.
func TestMerge(t *testing.T) {
	type change = map[string]string // key to value; "" deletes
	tests := []struct {
		name         string
		ours, theirs change
		want         change
		conflict     string
	}{
		{"C40 different keys", change{"a": "1"}, change{"b": "2"}, change{"a": "1", "b": "2", "x": "0"}, ""},
		{"C40 one deletes", change{"x": ""}, change{"b": "2"}, change{"b": "2"}, ""},
		{"C40 the other deletes", change{"a": "1"}, change{"x": ""}, change{"a": "1"}, ""},
		{"both delete", change{"x": "", "a": "1"}, change{"x": ""}, change{"a": "1"}, ""},
		{"the same to the same", change{"x": "1"}, change{"x": "1", "b": "2"}, change{"x": "1", "b": "2"}, ""},
		{"the same key", change{"x": "1"}, change{"x": "2"}, change{"x": "2"}, `key "x"`},
		{"the same new key", change{"n": "1", "a": "3"}, change{"n": "2"}, change{"n": "2", "x": "0"}, `key "n"`},
		{"changed and deleted", change{"x": "1"}, change{"x": ""}, change{}, `key "x"`},
		{"deleted and changed", change{"x": ""}, change{"x": "1"}, change{"x": "1"}, `key "x"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, m := newHooked()
			b := newBrowser(t, m)
			b.setKey("x", "0")
			apply := func(s *sessions.Session, c change) {
				for key, value := range c {
					if value == "" {
						s.Delete(key)
					} else {
						set(t, s, key, value)
					}
				}
			}
			var saveErr error
			res := b.serve(func(w http.ResponseWriter, r *http.Request) {
				s := load(t, r)
				apply(s, tt.ours)
				b.clone().visit(func(s *sessions.Session) { apply(s, tt.theirs) })
				saveErr = s.Save(r.Context())
				if tt.conflict == "" {
					if diff := cmp.Diff(tt.want, all(s)); diff != "" {
						t.Errorf("seen after Save (-want +got):\n%s", diff)
					}
				}
			})
			b.visit(func(s *sessions.Session) {
				if diff := cmp.Diff(tt.want, all(s)); diff != "" {
					t.Errorf("saved (-want +got):\n%s", diff)
				}
			})
			if tt.conflict == "" {
				if saveErr != nil || res.StatusCode != 200 {
					t.Errorf("Save: %v, status %d", saveErr, res.StatusCode)
				}
				return
			}
			if !isErr(saveErr, sessions.ErrConflict) || !strings.Contains(saveErr.Error(), tt.conflict) {
				t.Errorf("Save: %v, want ErrConflict and %s", saveErr, tt.conflict)
			}
			if res.StatusCode != http.StatusConflict {
				t.Errorf("status %d, want 409", res.StatusCode)
			}
		})
	}
}

func all(s *sessions.Session) map[string]string {
	values := map[string]string{}
	for _, key := range s.Keys() {
		values[key], _ = sessions.Get[string](s, key)
	}
	return values
}

// After a conflict, Reload shows what there is, and the change can be made again.
func TestConflictThenReload(t *testing.T) {
	_, m := newHooked()
	b := newBrowser(t, m)
	b.setKey("n", "1")
	res := b.serve(func(w http.ResponseWriter, r *http.Request) {
		s := load(t, r)
		set(t, s, "n", "2")
		b.clone().setKey("n", "5")
		if err := s.Save(r.Context()); !isErr(err, sessions.ErrConflict) {
			t.Errorf("Save: %v", err)
		}
		if got, _ := sessions.Get[string](s, "n"); got != "2" {
			t.Errorf("after the conflict the change is gone: %q", got)
		}
		if err := s.Reload(r.Context()); err != nil {
			t.Errorf("Reload: %v", err)
		}
		if got, _ := sessions.Get[string](s, "n"); got != "5" {
			t.Errorf("after Reload: %q", got)
		}
		set(t, s, "n", "6")
	})
	if got := b.get("n"); got != "6" || res.StatusCode != 200 {
		t.Errorf("n is %q, status %d", got, res.StatusCode)
	}
}

// C40: many at once, each its own key.
func TestManyMerges(t *testing.T) {
	m := &sessions.Manager{Store: &sessions.MemoryStore{}, Logger: new(logbook).logger()}
	b := newBrowser(t, m)
	b.setKey("k", "v")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() { b.clone().setKey(fmt.Sprint(i), "v") })
	}
	wg.Wait()
	b.visit(func(s *sessions.Session) {
		if got := len(s.Keys()); got != 9 {
			t.Errorf("C40: %d keys, want 9: %v", got, s.Keys())
		}
	})
}

// C41: a slow request does not bring a session back that was ended meanwhile.
func TestNoResurrection(t *testing.T) {
	changes := map[string]func(t *testing.T, s *sessions.Session){
		"set":    func(t *testing.T, s *sessions.Session) { set(t, s, "k", "slow") },
		"renew":  func(t *testing.T, s *sessions.Session) { s.Renew() },
		"expiry": func(t *testing.T, s *sessions.Session) { s.SetExpiry(time.Hour) },
	}
	ends := map[string]func(t *testing.T, s *sessions.Session){
		"destroyed": func(t *testing.T, s *sessions.Session) { s.Destroy() },
		"renewed":   func(t *testing.T, s *sessions.Session) { s.Renew(); set(t, s, "user", "alice") },
	}
	for change, slow := range changes {
		for end, other := range ends {
			t.Run("C41 C42 "+change+" after it was "+end, func(t *testing.T) {
				store := &sessions.MemoryStore{}
				m := &sessions.Manager{Store: store, Logger: new(logbook).logger()}
				b := newBrowser(t, m)
				b.setKey("k", "v")
				old := b.clone()
				res := old.clone().serve(func(w http.ResponseWriter, r *http.Request) {
					s := load(t, r)
					slow(t, s)
					b.visit(func(s *sessions.Session) { other(t, s) })
					if err := s.Save(r.Context()); !isErr(err, sessions.ErrConflict) {
						t.Errorf("Save: %v, want ErrConflict", err)
					}
				})
				if res.StatusCode != http.StatusConflict {
					t.Errorf("status %d, want 409", res.StatusCode)
				}
				if got := old.get("k"); got != "" {
					t.Errorf("the old token has data: %q", got)
				}
				// Of the renewed one there is also where it has gone.
				if want := map[string]int{"destroyed": 0, "renewed": 2}[end]; store.Len() != want {
					t.Errorf("%d places taken in the store, want %d", store.Len(), want)
				}
				if end == "renewed" && (b.get("k") != "v" || b.get("user") != "alice") {
					t.Error("the renewed session suffered")
				}
			})
		}
	}
}

// C42: the login of one request and the change of another, in the other order.
func TestRenewMergesWhatCameBefore(t *testing.T) {
	_, m := newHooked()
	b := newBrowser(t, m)
	b.setKey("cart", "1")
	old := b.clone()
	b.visit(func(s *sessions.Session) {
		s.Renew()
		set(t, s, "user", "alice")
		old.setKey("cart", "2")
	})
	if b.get("cart") != "2" || b.get("user") != "alice" {
		t.Errorf("cart %q, user %q", b.get("cart"), b.get("user"))
	}
	if old.get("cart") != "" || old.get("user") != "" {
		t.Error("C42: the old token has data")
	}
}
