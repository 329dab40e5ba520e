package auth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/auth"
)

// guesses makes n attempts and returns how many were allowed.
func guesses(t *testing.T, throttle auth.Throttle, n int, account, addr func(i int) string) (allowed int) {
	t.Helper()
	for i := range n {
		wait, err := throttle.Begin(t.Context(), account(i), addr(i))
		if err != nil {
			t.Fatal(err)
		}
		if wait == 0 {
			allowed++
		}
	}
	return allowed
}

func always(s string) func(int) string { return func(int) string { return s } }

func each(format string) func(int) string {
	return func(i int) string { return fmt.Sprintf(format, i) }
}

// A2, R13: guesses are limited by the account, by the address, and by both.
func TestThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tests := []struct {
			name          string
			account, addr func(int) string
			want          int
		}{
			{"one account from one address", always("alice"), always("192.0.2.1"), 5},
			{"A2 10,000 accounts from one address", each("user%d"), always("192.0.2.1"), 20},
			{"A2 one account from 10,000 addresses", always("alice"), each("addr%d"), 50},
			{"10,000 users from as many addresses", each("user%d"), each("addr%d"), 10_000},
			{"tokens from one address", always(""), always("192.0.2.1"), 20},
			{"one account, address unknown", always("alice"), always(""), 5},
		}
		for _, tt := range tests {
			var throttle auth.MemoryThrottle
			if got := guesses(t, &throttle, 10_000, tt.account, tt.addr); got != tt.want {
				t.Errorf("%s: %d of 10,000, want %d", tt.name, got, tt.want)
			}
			time.Sleep(24 * time.Hour)
			if got := guesses(t, &throttle, 10_000, tt.account, tt.addr); got != tt.want {
				t.Errorf("%s, a day later: %d of 10,000, want %d", tt.name, got, tt.want)
			}
		}
	})
}

// A2: who attacks an account does not lock its user out.
func TestThrottleLocksNobodyOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var throttle auth.MemoryThrottle
		attempt := func(addr string) time.Duration {
			wait, err := throttle.Begin(t.Context(), "alice", addr)
			if err != nil {
				t.Fatal(err)
			}
			return wait
		}
		if wait := attempt("home"); wait != 0 {
			t.Fatalf("the first: %v", wait)
		}
		throttle.Succeeded(t.Context(), "alice", "home")

		guesses(t, &throttle, 10_000, always("alice"), always("attacker"))
		if wait := attempt("elsewhere"); wait != 0 {
			t.Errorf("one attacker: alice waits %v where alice never was", wait)
		}
		guesses(t, &throttle, 100_000, always("alice"), each("bot%d"))
		if wait := attempt("home"); wait != 0 {
			t.Errorf("many attackers: alice waits %v at home", wait)
		}
		if wait := attempt("elsewhere"); wait <= 0 || wait > time.Minute {
			t.Errorf("many attackers: alice waits %v where alice never was, want at most a minute", wait)
		}
	})
}

// What succeeds does not count.
func TestThrottleForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var throttle auth.MemoryThrottle
		for i := range 1000 {
			if wait, _ := throttle.Begin(t.Context(), "alice", "office"); wait != 0 {
				t.Fatalf("login %d waits %v", i, wait)
			}
			throttle.Succeeded(t.Context(), "alice", "office")
		}
	})
}

func TestThrottleRates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		throttle := auth.MemoryThrottle{
			PerAddress: auth.Rate{Burst: -1},
			PerPair:    auth.Rate{Burst: 2, Every: time.Second},
			PerAccount: auth.Rate{Burst: -1},
		}
		for _, want := range []time.Duration{0, 0, time.Second, time.Second} {
			if wait, _ := throttle.Begin(t.Context(), "alice", "a"); wait != want {
				t.Errorf("wait %v, want %v", wait, want)
			}
		}
		time.Sleep(time.Second)
		for _, want := range []time.Duration{0, time.Second} {
			if wait, _ := throttle.Begin(t.Context(), "alice", "a"); wait != want {
				t.Errorf("a second later: wait %v, want %v", wait, want)
			}
		}
	})
}

func TestThrottleAtOnce(t *testing.T) {
	var throttle auth.MemoryThrottle
	var wg sync.WaitGroup
	var mu sync.Mutex
	allowed := 0
	for range 100 {
		wg.Go(func() {
			wait, _ := throttle.Begin(t.Context(), "alice", "a")
			mu.Lock()
			defer mu.Unlock()
			if wait == 0 {
				allowed++
			}
		})
	}
	wg.Wait()
	if allowed != 5 {
		t.Errorf("%d of 100 at once, want 5", allowed)
	}
}

// R13: 429, with the time to wait; the password is not looked at.
func TestTooManyAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hashed := 0
		s := newSite(t, func(s *site) { s.users.Passwords.Derived = func(int) { hashed++ } })
		wrong := url.Values{"username": {"alice"}, "password": {"wrong"}}
		for range 5 {
			if resp, _ := s.PostForm("/login", wrong); resp.StatusCode != http.StatusUnauthorized {
				t.Fatalf("%s", resp.Status)
			}
		}
		hashed = 0
		// However the name is written.
		for _, name := range []string{"alice", "ALICE", " Alice"} {
			resp, body := s.PostForm("/login", url.Values{"username": {name}, "password": {password}})
			if resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") != "30" || hashed != 0 {
				t.Errorf("%q: %s, Retry-After %s, %d hashes, %q", name, resp.Status, resp.Header.Get("Retry-After"), hashed, body)
			}
		}
		logIn(t, s.Browser, "bob")
		time.Sleep(30 * time.Second)
		logIn(t, s.Browser, "alice")
	})
}

// recorder is a throttle that notes addresses.
type recorder struct{ addr string }

func (r *recorder) Begin(_ context.Context, _, addr string) (time.Duration, error) {
	r.addr = addr
	return 0, nil
}
func (r *recorder) Succeeded(context.Context, string, string) {}

func TestClientAddr(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.7:1234":                   "192.0.2.7",
		"[::ffff:192.0.2.7]:1234":          "192.0.2.7",
		"[2001:db8:1:2:3:4:5:6]:1234":      "2001:db8:1:2::/64",
		"[2001:db8:1:2::9%eth0]:1234":      "2001:db8:1:2::/64",
		"2001:db8:1:2:ffff:ffff:ffff:ffff": "2001:db8:1:2::/64",
		"192.0.2.7":                        "192.0.2.7",
		"@":                                "@",
		"":                                 "",
	} {
		var throttle recorder
		gate := auth.Gate[Person]{Backends: []auth.Backend[Person]{people{}}, Throttle: &throttle, Logger: quiet}
		ctx := channels.ContextWithScope(t.Context(), channels.NewScope("chat", remote))
		gate.Authenticate(ctx, auth.Credentials{Username: "x"})
		if throttle.addr != want {
			t.Errorf("%q is counted as %q, want %q", remote, throttle.addr, want)
		}
		proxied := auth.Gate[Person]{
			Backends: []auth.Backend[Person]{people{}}, Throttle: &throttle, Logger: quiet,
			ClientAddr: func(context.Context) string { return "198.51.100.1" },
		}
		proxied.Authenticate(ctx, auth.Credentials{Username: "x"})
		if throttle.addr != "198.51.100.1" {
			t.Errorf("behind a proxy: %q", throttle.addr)
		}
	}
}

// A2: behind a proxy guesses are counted for the client that it names, and without one
// nothing that a client says of itself counts.
func TestClientBehindProxy(t *testing.T) {
	for _, tt := range []struct {
		name, remote, trusted string
		forwarded             []string
		want                  string
	}{
		{"no proxy", "192.0.2.7:1", "", []string{"198.51.100.1"}, "192.0.2.7"},
		{"a proxy", "10.0.0.1:1", "10.0.0.0/8", []string{"198.51.100.1"}, "198.51.100.1"},
		{"a client that forges", "10.0.0.1:1", "10.0.0.0/8", []string{"203.0.113.9, 198.51.100.1"}, "198.51.100.1"},
		{"on a line of its own", "10.0.0.1:1", "10.0.0.0/8", []string{"203.0.113.9", "198.51.100.1"}, "198.51.100.1"},
		{"two proxies", "10.0.0.1:1", "10.0.0.0/8", []string{"203.0.113.9, 198.51.100.1, 10.0.0.2"}, "198.51.100.1"},
		{"past the proxy", "192.0.2.7:1", "10.0.0.0/8", []string{"198.51.100.1"}, "192.0.2.7"},
		{"IPv6", "[fd00::1]:1", "fd00::/8", []string{"2001:db8:1:2::9"}, "2001:db8:1:2::/64"},
		{"a proxy that says nothing", "10.0.0.1:1", "10.0.0.0/8", nil, "10.0.0.1"},
		{"nonsense", "10.0.0.1:1", "10.0.0.0/8", []string{"198.51.100.1, unknown"}, "10.0.0.1"},
		{"a Unix socket", "@", "10.0.0.0/8", []string{"198.51.100.1"}, "@"},
	} {
		var throttle recorder
		srv := &channels.Server{}
		if tt.trusted != "" {
			srv.Upgrader.TrustedProxies = []netip.Prefix{netip.MustParsePrefix(tt.trusted)}
		}
		gate := auth.Gate[Person]{Backends: []auth.Backend[Person]{people{}}, Throttle: &throttle, Logger: quiet, Revoker: srv}
		h := gate.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			gate.Authenticate(r.Context(), auth.Credentials{Username: "x"})
		}))
		serve(channels.WithScope(h), "POST", "/", func(r *http.Request) {
			r.RemoteAddr = tt.remote
			r.Header["X-Forwarded-For"] = tt.forwarded
		}, header("Authorization", "Bearer none"))
		if throttle.addr != tt.want {
			t.Errorf("%s: counted as %q, want %q", tt.name, throttle.addr, tt.want)
		}
	}
}

type brokenThrottle struct{}

func (brokenThrottle) Begin(context.Context, string, string) (time.Duration, error) {
	return 0, errors.New("down")
}
func (brokenThrottle) Succeeded(context.Context, string, string) {}

func TestBrokenThrottle(t *testing.T) {
	gate := auth.Gate[Person]{Backends: []auth.Backend[Person]{people{}}, Throttle: brokenThrottle{}, Logger: quiet}
	if _, err := gate.Authenticate(t.Context(), auth.Credentials{Username: "x"}); !errors.Is(err, auth.ErrUnavailable) {
		t.Errorf("%v, want ErrUnavailable", err)
	}
}

func ExampleMemoryThrottle() {
	throttle := &auth.MemoryThrottle{PerPair: auth.Rate{Burst: 2, Every: time.Hour}}
	for range 3 {
		wait, _ := throttle.Begin(context.Background(), "alice", "192.0.2.1")
		fmt.Println(wait.Round(time.Hour))
	}
	// Output:
	// 0s
	// 0s
	// 1h0m0s
}
