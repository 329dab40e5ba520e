package sessions_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/channels/sessions"
)

// The cookie's name and attributes, as every browser will see them.
func TestCookieAttributes(t *testing.T) {
	k := ring(t, "a")
	tests := []struct {
		name       string
		cookie     sessions.Cookie
		wantName   string
		wantSuffix string // behind Max-Age
	}{
		{"the default", sessions.Cookie{}, "__Host-session", "; Path=/; HttpOnly; Secure; SameSite=Lax"},
		{"a name", sessions.Cookie{Name: "__Host-sid"}, "__Host-sid", "; Path=/; HttpOnly; Secure; SameSite=Lax"},
		{"strict", sessions.Cookie{SameSite: http.SameSiteStrictMode}, "__Host-session", "; Path=/; HttpOnly; Secure; SameSite=Strict"},
		{
			"embedded", sessions.Cookie{SameSite: http.SameSiteNoneMode, Partitioned: true},
			"__Host-session", "; Path=/; HttpOnly; Secure; SameSite=None; Partitioned",
		},
		{"net/http's default mode", sessions.Cookie{SameSite: http.SameSiteDefaultMode}, "__Host-session", "; Path=/; HttpOnly; Secure; SameSite=Lax"},
		{
			"a domain", sessions.Cookie{Domain: "example.com"},
			"__Secure-session", "; Path=/; Domain=example.com; HttpOnly; Secure; SameSite=Lax",
		},
		{"a path", sessions.Cookie{Path: "/app/"}, "__Secure-session", "; Path=/app/; HttpOnly; Secure; SameSite=Lax"},
		{"plain http", sessions.Cookie{InsecureHTTP: true}, "session", "; Path=/; HttpOnly; SameSite=Lax"},
		{"the newest prefix", sessions.Cookie{Name: "__Host-Http-sid"}, "__Host-Http-sid", "; Path=/; HttpOnly; Secure; SameSite=Lax"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBrowser(t, &sessions.Manager{Keys: k, Cookie: tt.cookie, Lifetime: time.Hour})
			res := b.visit(func(s *sessions.Session) { set(t, s, "k", "v") })
			line := res.Header.Get("Set-Cookie")
			name, rest, _ := strings.Cut(line, "=")
			_, attributes, _ := strings.Cut(rest, ";")
			if name != tt.wantName {
				t.Errorf("name %q, want %q", name, tt.wantName)
			}
			if diff := cmp.Diff(" Max-Age=3600"+tt.wantSuffix, attributes); diff != "" {
				t.Errorf("attributes (-want +got):\n%s", diff)
			}
			if _, err := http.ParseSetCookie(line); err != nil {
				t.Errorf("net/http cannot parse %q: %v", line, err)
			}
		})
	}
}

// C49: what a browser would ignore, or what is not secure, stops the start.
func TestValidateRefuses(t *testing.T) {
	k := ring(t, "a")
	cookie := func(c sessions.Cookie) *sessions.Manager { return &sessions.Manager{Keys: k, Cookie: c} }
	tests := []struct {
		name string
		m    *sessions.Manager
		want string
	}{
		{"C49 __Host- with a domain", cookie(sessions.Cookie{Name: "__Host-s", Domain: "example.com"}), "clear Domain"},
		{"C49 __Host- with a path", cookie(sessions.Cookie{Name: "__Host-s", Path: "/app"}), "clear Path"},
		{"C49 __Host- without Secure", cookie(sessions.Cookie{Name: "__Host-s", InsecureHTTP: true}), "clear InsecureHTTP"},
		{"C49 __Secure- without Secure", cookie(sessions.Cookie{Name: "__Secure-s", InsecureHTTP: true}), "clear InsecureHTTP"},
		{"C49 __Http- without Secure", cookie(sessions.Cookie{Name: "__Http-s", InsecureHTTP: true}), "clear InsecureHTTP"},
		{"C49 __Host-Http- with a domain", cookie(sessions.Cookie{Name: "__Host-Http-s", Domain: "example.com"}), "clear Domain"},
		{"C49 __host- in lower case", cookie(sessions.Cookie{Name: "__host-s"}), "write it so"},
		{"SameSite=None without Secure", cookie(sessions.Cookie{SameSite: http.SameSiteNoneMode, InsecureHTTP: true}), "clear InsecureHTTP"},
		{"Partitioned without Secure", cookie(sessions.Cookie{Partitioned: true, InsecureHTTP: true}), "clear InsecureHTTP"},
		{"SameSite out of range", cookie(sessions.Cookie{SameSite: 9}), "none of the constants"},
		{"name with a space", cookie(sessions.Cookie{Name: "my session"}), "use letters"},
		{"name with a semicolon", cookie(sessions.Cookie{Name: "s;Path=/"}), "use letters"},
		{"path without a slash", cookie(sessions.Cookie{Path: "app"}), "begin it with /"},
		{"path with attributes", cookie(sessions.Cookie{Path: "/; Domain=evil.example"}), "without ;"},
		{"domain with a port", cookie(sessions.Cookie{Domain: "example.com:8080"}), "write a host name"},
		{"domain with a scheme", cookie(sessions.Cookie{Domain: "https://example.com"}), "write a host name"},
		{"domain that is an address", cookie(sessions.Cookie{Domain: "192.0.2.1"}), "write a host name"},
		{"domain without a dot", cookie(sessions.Cookie{Domain: "localhost"}), "write a host name"},
		{"domain with empty labels", cookie(sessions.Cookie{Domain: ".example..com"}), "write a host name"},
		{"L4 no key", &sessions.Manager{}, "Manager.Keys is empty"},
		{"lifetime below zero", &sessions.Manager{Keys: k, Lifetime: -1}, "Manager.Lifetime"},
		{"lifetime of years", &sessions.Manager{Keys: k, Lifetime: 401 * 24 * time.Hour}, "400 days"},
		{"idle below zero", &sessions.Manager{Keys: k, IdleTimeout: -time.Hour}, "Manager.IdleTimeout"},
		{"idle too short", &sessions.Manager{Keys: k, IdleTimeout: time.Second}, "Manager.IdleTimeout"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.m.Validate()
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v, want %q in it", err, tt.want)
			}
			defer func() {
				if got, _ := recover().(error); got == nil || got.Error() != err.Error() {
					t.Errorf("Handler panics with %v, want %v", got, err)
				}
			}()
			tt.m.Handler(http.NotFoundHandler())
		})
	}
	t.Run("nil handler", func(t *testing.T) {
		defer func() {
			if got, want := recover(), "sessions: Manager.Handler: the handler is nil"; got != want {
				t.Errorf("Handler panics with %v, want %v", got, want)
			}
		}()
		(&sessions.Manager{Keys: k}).Handler(nil)
	})
	for name, m := range map[string]*sessions.Manager{
		"keys":  {Keys: k},
		"store": {Store: &sessions.MemoryStore{}},
	} {
		if err := m.Validate(); err != nil {
			t.Errorf("%s alone: %v", name, err)
		}
	}
}

// C33: a session that outgrows its cookie is an error, and the one before stays.
func TestCookieTooLarge(t *testing.T) {
	b := newBrowser(t, &sessions.Manager{Keys: ring(t, "a"), Logger: new(logbook).logger()})
	b.setKey("k", "small")
	before := b.cookie

	var saveErr, writeErr error
	res := b.serve(func(w http.ResponseWriter, r *http.Request) {
		s := load(t, r)
		set(t, s, "k", strings.Repeat("x", 4000))
		saveErr = s.Save(r.Context())
		_, writeErr = w.Write([]byte("done"))
	})
	if !isErr(saveErr, sessions.ErrTooLarge) || !isErr(writeErr, sessions.ErrTooLarge) {
		t.Errorf("C33: Save %v, Write %v; want ErrTooLarge", saveErr, writeErr)
	}
	if res.StatusCode != 500 || strings.Contains(body(t, res), "done") {
		t.Errorf("C33: the response is %d, not another one", res.StatusCode)
	}
	if b.cookie != before || b.get("k") != "small" {
		t.Error("C33: the session that was there is lost")
	}
	// What the error is about can be taken out again.
	res = b.visit(func(s *sessions.Session) {
		set(t, s, "big", strings.Repeat("x", 4000))
		if err := s.Save(t.Context()); !isErr(err, sessions.ErrTooLarge) {
			t.Errorf("Save: %v", err)
		}
		s.Delete("big")
		set(t, s, "k", "smaller")
	})
	if res.StatusCode != 200 || b.get("k") != "smaller" {
		t.Errorf("after the error: status %d, k=%q", res.StatusCode, b.get("k"))
	}
}

// The longest line that is sent is the longest that is taken back.
func TestCookieLargest(t *testing.T) {
	b := newBrowser(t, &sessions.Manager{Keys: ring(t, "a"), Logger: new(logbook).logger()})
	largest := 0
	for n := 2800; ; n++ {
		value := strings.Repeat("x", n)
		if res := b.visit(func(s *sessions.Session) { set(t, s, "k", value) }); res.StatusCode != 200 {
			break
		}
		largest = max(largest, len(b.set))
		if b.get("k") != value {
			t.Fatalf("a value of %d bytes is not read back", n)
		}
	}
	if largest < 4090 || largest > 4096 {
		t.Errorf("the longest Set-Cookie line has %d bytes, want about 4096", largest)
	}
}

// Max-Age, and its absence for a session of the browser's.
func TestCookieMaxAge(t *testing.T) {
	nothing := func(*sessions.Session) {}
	hour := time.Hour
	tests := []struct {
		name     string
		lifetime time.Duration
		browser  bool
		f        func(s *sessions.Session)
		want     string
	}{
		{"default", 0, false, nothing, "Max-Age=1209600"},
		{"lifetime", hour, false, nothing, "Max-Age=3600"},
		{"browser", 0, true, nothing, ""},
		{"browser, remembered", 0, true, func(s *sessions.Session) { s.SetExpiry(hour) }, "Max-Age=3600"},
		{"forgotten", 0, false, func(s *sessions.Session) { s.SetExpiry(0) }, ""},
		{"back to the default", 0, false, func(s *sessions.Session) { s.SetExpiry(0); s.SetExpiry(-1) }, "Max-Age=1209600"},
		{"too long", 0, false, func(s *sessions.Session) { s.SetExpiry(1000 * 24 * hour) }, "Max-Age=34560000"},
		{"too short", 0, false, func(s *sessions.Session) { s.SetExpiry(1) }, "Max-Age=1"},
	}
	for _, mode := range []string{"cookie", "store"} {
		for _, tt := range tests {
			t.Run(mode+" "+tt.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					m := &sessions.Manager{Keys: ring(t, "a"), Lifetime: tt.lifetime, BrowserSession: tt.browser, IdleTimeout: time.Minute}
					if mode == "store" {
						m.Store = &sessions.MemoryStore{}
					}
					b := newBrowser(t, m)
					for range 2 { // a new session, and one that exists
						b.visit(func(s *sessions.Session) {
							set(t, s, "at", time.Now())
							tt.f(s)
							s.Renew()
						})
						got := ""
						for attribute := range strings.SplitSeq(b.set, "; ") {
							if strings.HasPrefix(attribute, "Max-Age") {
								got = attribute
							}
						}
						if got != tt.want {
							t.Errorf("%s: %q, want %q", b.set, got, tt.want)
						}
						time.Sleep(500 * time.Millisecond)
					}
				})
			})
		}
	}
}
