package auth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/sluicehq/sluice/channels/auth"
)

// A1: whoever it is, and whatever is wrong, the answer and the cost are the same.
func TestAuthenticateTellsNothing(t *testing.T) {
	const cost = 3000
	var mu sync.Mutex
	iterations := 0
	s := newSite(t, func(s *site) {
		s.gate.InsecureNoThrottle = true
		s.users.Passwords.Iterations = 10
		if _, err := s.users.SignUp(t.Context(), "oldtimer", password); err != nil {
			t.Fatal(err)
		}
		s.users.Passwords.Iterations = cost
		for _, name := range []string{"carol", "dave"} {
			if _, err := s.users.SignUp(t.Context(), name, password); err != nil {
				t.Fatal(err)
			}
		}
		s.users.SetActive(s.user(t, "dave").ID, false)
		s.users.Passwords.Derived = func(n int) {
			mu.Lock()
			defer mu.Unlock()
			iterations += n
		}
	})
	for _, tt := range []struct{ name, username, password string }{
		{"unknown", "nobody", password},
		{"wrong password", "carol", "wrong"},
		{"inactive", "dave", password},
		{"inactive and wrong", "dave", "wrong"},
		{"old hash and wrong", "oldtimer", "wrong"},
		{"empty password", "carol", ""},
		{"A3 not a name", "ａlice", password},
		{"A3 NUL", "carol\x00", password},
		{"A3 space", "carol ", password},
		{"A3 right-to-left mark", "carol\u200f", password},
	} {
		iterations = 0
		resp, body := s.PostForm("/login", url.Values{"username": {tt.username}, "password": {tt.password}})
		if resp.StatusCode != http.StatusUnauthorized || body != "Please log in.\n" || len(resp.Cookies()) > 0 {
			t.Errorf("%s: %s %q %v", tt.name, resp.Status, body, resp.Cookies())
		}
		if iterations != cost {
			t.Errorf("%s: %d iterations, want %d", tt.name, iterations, cost)
		}
	}
}

// R14: what is too long is refused before it costs anything.
func TestAuthenticateLimits(t *testing.T) {
	s := newSite(t, func(s *site) {
		s.users.Passwords.Derived = func(int) { t.Error("a password was hashed") }
	})
	ctx := auth.WithNobody[auth.Account](t.Context())
	for name, c := range map[string]auth.Credentials{
		"none":                 {},
		"R14 10 MB password":   {Username: "alice", Password: strings.Repeat("x", 10<<20)},
		"4,097 bytes":          {Username: "alice", Password: strings.Repeat("x", 4097)},
		"A3 R14 1 MiB of name": {Username: strings.Repeat("x", 1<<20), Password: "x"},
		"name is not UTF-8":    {Username: "al\xffice", Password: "x"},
		"password is not":      {Username: "alice", Password: "\xff"},
		"token":                {Token: strings.Repeat("x", 8193)},
	} {
		if _, err := s.gate.Authenticate(ctx, c); !errors.Is(err, auth.ErrMalformed) {
			t.Errorf("%s: %v, want ErrMalformed", name, err)
		}
	}
	resp, _ := s.PostForm("/login", url.Values{"username": {"alice"}, "password": {strings.Repeat("x", 5000)}})
	if resp.StatusCode != http.StatusBadRequest {
		t.Errorf("%s, want 400", resp.Status)
	}
}

// A3: names are the same at the sign-up and at the login.
func TestCanonicalName(t *testing.T) {
	for name, want := range map[string]string{
		"alice": "alice", "Alice": "alice", "ALICE@Example.COM": "alice@example.com", "a.b_c+d-9": "a.b_c+d-9",
		strings.Repeat("x", 64): strings.Repeat("x", 64),
	} {
		if got, err := auth.CanonicalName(name); got != want || err != nil {
			t.Errorf("%q: %q, %v", name, got, err)
		}
	}
	for _, name := range []string{
		"", "alice ", " alice", "al ice", "ａlice", "аlice" /* Cyrillic */, "alice\x00", "alice\u202e", "al\nice",
		"ali\u0301ce", "\xff", "ſam", "Kelvin\u212a", strings.Repeat("x", 65), strings.Repeat("x", 1<<20),
	} {
		if got, err := auth.CanonicalName(name); !errors.Is(err, auth.ErrNameInvalid) {
			t.Errorf("%.20q: %.20q, %v", name, got, err)
		}
	}
	var users auth.MemoryUsers
	users.Passwords.Iterations = 10
	if _, err := users.SignUp(t.Context(), "Alice", password); err != nil {
		t.Fatal(err)
	}
	if _, err := users.SignUp(t.Context(), "aLICE", password); !errors.Is(err, auth.ErrNameTaken) {
		t.Errorf("a second Alice: %v", err)
	}
	for _, name := range []string{"alice", "ALICE"} {
		user, err := users.Authenticate(t.Context(), auth.Credentials{Username: name, Password: password})
		if err != nil || user.Name != "Alice" {
			t.Errorf("%s: %v, %v", name, user.Name, err)
		}
	}
	if _, err := users.SignUp(t.Context(), "bob", ""); !errors.Is(err, auth.ErrNoPassword) {
		t.Errorf("no password: %v", err)
	}
}

// An upgrade of a hash ends no login; a changed password does.
func TestStampOfAccounts(t *testing.T) {
	var users auth.MemoryUsers
	users.Passwords.Iterations = 10
	before, err := users.SignUp(t.Context(), "alice", password)
	if err != nil {
		t.Fatal(err)
	}
	users.Passwords.Iterations = 100
	for range 2 {
		after, err := users.Authenticate(t.Context(), auth.Credentials{Username: "alice", Password: password})
		if err != nil || after.SessionStamp() != before.SessionStamp() {
			t.Errorf("after an upgrade: %v, another stamp %v", err, after.SessionStamp() != before.SessionStamp())
		}
	}
	iterations := 0
	users.Passwords.Derived = func(n int) { iterations += n }
	users.Authenticate(t.Context(), auth.Credentials{Username: "alice", Password: password})
	if iterations != 100 {
		t.Errorf("after the upgrade a login costs %d, want 100", iterations)
	}
	changed, err := users.SetPassword(t.Context(), before.ID, password)
	if err != nil || changed.SessionStamp() == before.SessionStamp() {
		t.Errorf("after a change: %v, the same stamp", err)
	}
	if _, err := users.SetPassword(t.Context(), "nobody", password); !errors.Is(err, auth.ErrNoUser) {
		t.Errorf("SetPassword of nobody: %v", err)
	}
	if err := users.SetActive("nobody", true); !errors.Is(err, auth.ErrNoUser) {
		t.Errorf("SetActive of nobody: %v", err)
	}
	users.Delete(before.ID)
	users.Delete(before.ID)
	if _, ok := users.Lookup("alice"); ok {
		t.Error("alice is there after Delete")
	}
	if again, err := users.SignUp(t.Context(), "alice", password); err != nil || again.ID == before.ID {
		t.Errorf("another alice: %v, the same ID %v", err, again.ID == before.ID)
	}
}

// A7: a hash is not upgraded over a password that was changed meanwhile.
func TestUpgradeAndChange(t *testing.T) {
	var users auth.MemoryUsers
	users.Passwords = auth.Passwords{Iterations: 10, Concurrency: 2, Logger: quiet}
	alice, err := users.SignUp(t.Context(), "alice", "old")
	if err != nil {
		t.Fatal(err)
	}
	users.Passwords.Iterations = 100
	n := 0
	users.Passwords.Derived = func(int) {
		// The third derivation is the upgrade's: change the password before it ends.
		if n++; n == 3 {
			if _, err := users.SetPassword(t.Context(), alice.ID, "new"); err != nil {
				t.Error(err)
			}
		}
	}
	if _, err := users.Authenticate(t.Context(), auth.Credentials{Username: "alice", Password: "old"}); err != nil {
		t.Errorf("the login with the old one: %v", err)
	}
	if n != 4 {
		t.Fatalf("%d derivations, want 2 to verify, 1 to upgrade, 1 to change", n)
	}
	users.Passwords.Derived = nil
	for password, want := range map[string]bool{"old": false, "new": true} {
		_, err := users.Authenticate(t.Context(), auth.Credentials{Username: "alice", Password: password})
		if (err == nil) != want {
			t.Errorf("%s: %v", password, err)
		}
	}
}

func TestMemoryUsersAtOnce(t *testing.T) {
	var users auth.MemoryUsers
	users.Passwords.Iterations = 1
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			user, err := users.SignUp(t.Context(), fmt.Sprint("user", i), password)
			if err != nil {
				t.Error(err)
				return
			}
			users.ByIDs(t.Context(), []string{user.ID})
			users.SetActive(user.ID, i%2 == 0)
			users.SetPassword(t.Context(), user.ID, "another")
			_, err = users.Authenticate(t.Context(), auth.Credentials{Username: user.Name, Password: "another"})
			if (err == nil) != (i%2 == 0) {
				t.Errorf("%s: %v", user.Name, err)
			}
			users.Delete(user.ID)
		})
	}
	wg.Wait()
}

// stub is a backend that answers in one way.
type stub struct {
	user auth.Account
	err  error
	n    int
}

func (s *stub) Authenticate(context.Context, auth.Credentials) (auth.Account, error) {
	s.n++
	return s.user, s.err
}

func (s *stub) ByIDs(context.Context, []string) (map[string]auth.Account, error) { return nil, nil }

// A8: the order of backends, and what ends it.
func TestBackendsInOrder(t *testing.T) {
	down := errors.New("the directory is down")
	alice := auth.Account{ID: "1", Name: "alice"}
	tests := []struct {
		name     string
		first    stub
		want     error
		askedTwo bool
	}{
		{"the first knows", stub{user: alice}, nil, false},
		{"not mine", stub{err: auth.ErrNotMine}, nil, true},
		{"wrapped", stub{err: fmt.Errorf("ldap: %w", auth.ErrNotMine)}, nil, true},
		{"A8 denied", stub{err: auth.ErrDenied}, auth.ErrDenied, false},
		{"down", stub{err: down}, auth.ErrUnavailable, false},
		{"busy", stub{err: auth.ErrBusy}, auth.ErrBusy, false},
		{"T16 a user without an ID", stub{}, auth.ErrDenied, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			second := stub{user: alice}
			gate := auth.Gate[auth.Account]{Logger: quiet, Backends: []auth.Backend[auth.Account]{
				auth.Named[auth.Account]("first", &tt.first), auth.Named[auth.Account]("second", &second),
			}}
			user, err := gate.Authenticate(t.Context(), auth.Credentials{Username: "alice", Password: "x"})
			if !errors.Is(err, tt.want) || (err == nil) != (user == alice) {
				t.Errorf("got %v, %v, want %v", user, err, tt.want)
			}
			if (second.n > 0) != tt.askedTwo {
				t.Errorf("the second was asked %d times", second.n)
			}
		})
	}
	nobody := auth.Gate[auth.Account]{Logger: quiet, Backends: []auth.Backend[auth.Account]{&stub{err: auth.ErrNotMine}}}
	if _, err := nobody.Authenticate(t.Context(), auth.Credentials{Token: "x"}); !errors.Is(err, auth.ErrDenied) {
		t.Errorf("nobody's: %v, want ErrDenied", err)
	}
}

func ExampleMemoryUsers() {
	ctx := context.Background()
	var users auth.MemoryUsers
	users.Passwords.Iterations = 1000 // for a quick example: leave it at 0
	alice, err := users.SignUp(ctx, "Alice", "correct horse battery staple")
	fmt.Println(alice.Name, err)
	_, err = users.SignUp(ctx, "alice", "another password")
	fmt.Println(err)

	_, err = users.Authenticate(ctx, auth.Credentials{Username: "alice", Password: "correct horse battery staple"})
	fmt.Println(err)
	_, err = users.Authenticate(ctx, auth.Credentials{Username: "alice", Password: "guessed"})
	fmt.Println(err)
	// Output:
	// Alice <nil>
	// auth: the name is taken
	// <nil>
	// auth: not mine
}
