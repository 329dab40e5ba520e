package sessions_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/channels/sessions"
)

// C48: caches that serve others keep nothing that depends on a session.
func TestCacheHeaders(t *testing.T) {
	tests := []struct {
		name          string
		use           func(t *testing.T, s *sessions.Session)
		control, vary []string // the handler's
		wantControl   []string
		wantVary      []string
	}{
		{"not used", nil, []string{"public, max-age=60"}, nil, []string{"public, max-age=60"}, nil},
		{"read", read, nil, nil, []string{"private"}, []string{"Cookie"}},
		{"read, public", read, []string{"public, max-age=60"}, nil, []string{"private, max-age=60"}, []string{"Cookie"}},
		{"read, shared", read, []string{"max-age=60", "s-maxage=600"}, nil, []string{"private, max-age=60"}, []string{"Cookie"}},
		{"read, private for a field", read, []string{`private="x", public`}, nil, []string{"private"}, []string{"Cookie"}},
		{"read, private already", read, []string{"max-age=5, Private"}, nil, []string{"max-age=5, Private"}, []string{"Cookie"}},
		{"read, not stored", read, []string{"no-store"}, nil, []string{"no-store"}, []string{"Cookie"}},
		{"read, varies already", read, nil, []string{"Accept, cookie"}, []string{"private"}, []string{"Accept, cookie"}},
		{"read, varies more", read, nil, []string{"Accept"}, []string{"private"}, []string{"Accept", "Cookie"}},
		{"read, varies by all", read, nil, []string{"*"}, []string{"private"}, []string{"*"}},
		{"written", write, nil, nil, []string{"no-store"}, []string{"Cookie"}},
		{"written, public", write, []string{"public"}, nil, []string{"no-store"}, []string{"Cookie"}},
		{"destroyed", func(t *testing.T, s *sessions.Session) { s.Destroy() }, []string{"private"}, nil, []string{"no-store"}, []string{"Cookie"}},
	}
	for _, tt := range tests {
		both(t, func(t *testing.T, m *sessions.Manager) {
			b := newBrowser(t, m)
			b.serve(func(w http.ResponseWriter, r *http.Request) {
				s := load(t, r)
				set(t, s, "k", "v")
			})
			res := b.serve(func(w http.ResponseWriter, r *http.Request) {
				if tt.use != nil {
					tt.use(t, load(t, r))
				}
				if tt.control != nil {
					w.Header()["Cache-Control"] = tt.control
				}
				if tt.vary != nil {
					w.Header()["Vary"] = tt.vary
				}
				w.Write([]byte("x"))
			})
			if m.Store != nil && tt.name[:4] == "writ" {
				return // no cookie needs to be set
			}
			if diff := cmp.Diff(tt.wantControl, res.Header["Cache-Control"]); diff != "" {
				t.Errorf("C48: %s: Cache-Control (-want +got):\n%s", tt.name, diff)
			}
			if diff := cmp.Diff(tt.wantVary, res.Header["Vary"]); diff != "" {
				t.Errorf("C48: %s: Vary (-want +got):\n%s", tt.name, diff)
			}
		})
	}
}

func read(_ *testing.T, s *sessions.Session)  { sessions.Get[string](s, "k") }
func write(t *testing.T, s *sessions.Session) { set(t, s, "k", "changed") }
