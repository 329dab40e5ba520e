package auth_test

import (
	"context"
	"crypto/md5"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/sluicehq/sluice/channels/auth"
)

// hash returns an encoded hash of a given strength.
func hash(tb testing.TB, password string, iterations int) string {
	tb.Helper()
	p := auth.Passwords{Iterations: iterations}
	encoded, err := p.Hash(tb.Context(), password)
	if err != nil {
		tb.Fatal(err)
	}
	return encoded
}

func TestPasswordVectors(t *testing.T) {
	var vectors []struct {
		ID, Password, Encoded, Note string
		Valid                       bool
	}
	data, err := os.ReadFile("testdata/passwords.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	for _, v := range vectors {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			p := auth.Passwords{Iterations: 1000}
			// What needs golang.org/x/crypto is the application's.
			want := v.Valid && strings.HasPrefix(v.Encoded, "pbkdf2_")
			got, err := p.Verify(t.Context(), v.Encoded, v.Password, nil)
			if got != want || err != nil {
				t.Errorf("Verify(%s): %v, %v, want %v (%s)", v.Encoded, got, err, want, v.Note)
			}
		})
	}
}

func TestHash(t *testing.T) {
	a, b := hash(t, "secret", 1234), hash(t, "secret", 1234)
	if a == b {
		t.Error("two hashes have one salt")
	}
	fields := strings.Split(a, "$")
	if len(fields) != 4 || fields[0] != "pbkdf2_sha256" || fields[1] != "1234" || len(fields[2]) < 22 || len(a) > 128 {
		t.Errorf("Hash: %s", a)
	}
	var cost int
	p := auth.Passwords{Derived: func(n int) { cost = n; panic("seen") }}
	if panicOf(func() { p.Hash(t.Context(), "secret") }); cost != 600_000 {
		t.Errorf("the default costs %d iterations, want 600,000", cost)
	}
}

// A4: what is typed is what counts, all of it.
func TestPasswordBytes(t *testing.T) {
	long := strings.Repeat("x", 72)
	for _, tt := range []struct{ password, other string }{
		{"nul\x00a", "nul\x00b"},
		{long + "a", long + "b"},
		{"caf\u00e9", "cafe\u0301"},
		{"Secret", "secret"},
		{" secret", "secret"},
		{strings.Repeat("y", 4096), strings.Repeat("y", 4095)},
	} {
		encoded := hash(t, tt.password, 10)
		p := auth.Passwords{Iterations: 10}
		if ok, err := p.Verify(t.Context(), encoded, tt.password, nil); !ok || err != nil {
			t.Errorf("%.20q: %v, %v", tt.password, ok, err)
		}
		if ok, _ := p.Verify(t.Context(), encoded, tt.other, nil); ok {
			t.Errorf("%.20q is taken for %.20q", tt.other, tt.password)
		}
	}
}

// A4: a NUL at the end would count for nothing.
func TestPasswordEndsWithNUL(t *testing.T) {
	var p auth.Passwords
	if _, err := p.Hash(t.Context(), "secret\x00"); !errors.Is(err, auth.ErrMalformed) {
		t.Errorf("Hash: %v, want ErrMalformed", err)
	}
	if _, err := p.Verify(t.Context(), "", "secret\x00", nil); !errors.Is(err, auth.ErrMalformed) {
		t.Errorf("Verify: %v, want ErrMalformed", err)
	}
}

// R14: what is too long costs nothing.
func TestPasswordTooLong(t *testing.T) {
	p := auth.Passwords{Derived: func(int) { t.Error("it was hashed") }}
	long := strings.Repeat("x", 4097)
	if _, err := p.Hash(t.Context(), long); !errors.Is(err, auth.ErrMalformed) {
		t.Errorf("Hash: %v, want ErrMalformed", err)
	}
	if _, err := p.Verify(t.Context(), "", long, nil); !errors.Is(err, auth.ErrMalformed) {
		t.Errorf("Verify: %v, want ErrMalformed", err)
	}
}

// legacyMD5 verifies "md5$salt$hex".
func legacyMD5(encoded, password string) bool {
	fields := strings.Split(encoded, "$")
	if len(fields) != 3 {
		return false
	}
	sum := md5.Sum([]byte(fields[1] + password))
	return subtle.ConstantTimeCompare([]byte(hex.EncodeToString(sum[:])), []byte(fields[2])) == 1
}

// A1, A5: whatever there is to compare with, it costs the same.
func TestVerifyCost(t *testing.T) {
	const cost = 5000
	good := hash(t, "secret", cost)
	salt, sum := strings.Split(good, "$")[2], strings.Split(good, "$")[3]
	md5Hash := "md5$salt$" + func() string {
		sum := md5.Sum([]byte("salt" + "secret"))
		return hex.EncodeToString(sum[:])
	}()
	tests := []struct {
		name, stored, password string
		want                   bool
	}{
		{"unknown", "", "secret", false},
		{"wrong", good, "Secret", false},
		{"right", good, "secret", true},
		{"unusable", "!" + strings.Repeat("u", 40), "secret", false},
		{"weak and wrong", hash(t, "secret", 10), "Secret", false},
		{"weak and right", hash(t, "secret", 10), "secret", true},
		{"old algorithm and wrong", md5Hash, "Secret", false},
		{"old algorithm and right", md5Hash, "secret", true},
		{"SHA-1 and wrong", "pbkdf2_sha1$1000$Zm9vYmFyU2FsdEZpeGVk12$4+8qS0Pea4V27VOf+Dpx+1kgLXc=", "Secret-pass", false},
		{"SHA-1 and right", "pbkdf2_sha1$1000$Zm9vYmFyU2FsdEZpeGVk12$4+8qS0Pea4V27VOf+Dpx+1kgLXc=", "secret-pass", true},
		{"unknown algorithm", "argon2$argon2id$v=19$m=2147483648,t=2,p=8$c2FsdA$aGFzaA", "secret", false},
		{"gibberish", "gibberish", "secret", false},
		{"no iterations", "pbkdf2_sha256$$" + salt + "$" + sum, "secret", false},
		{"0 iterations", "pbkdf2_sha256$0$" + salt + "$" + sum, "secret", false},
		{"-1 iterations", "pbkdf2_sha256$-1$" + salt + "$" + sum, "secret", false},
		{"+5000 iterations", "pbkdf2_sha256$+5000$" + salt + "$" + sum, "secret", false},
		{"05000 iterations", "pbkdf2_sha256$05000$" + salt + "$" + sum, "secret", false},
		{"10^12 iterations", "pbkdf2_sha256$1000000000000$" + salt + "$" + sum, "secret", false},
		{"10^30 iterations", "pbkdf2_sha256$1" + strings.Repeat("0", 30) + "$" + salt + "$" + sum, "secret", false},
		{"2,000,001 iterations", "pbkdf2_sha256$2000001$" + salt + "$" + sum, "secret", false},
		{"salt with $", "pbkdf2_sha256$5000$a$b$" + sum, "secret", false},
		{"empty salt", "pbkdf2_sha256$5000$$" + sum, "secret", false},
		{"long salt", "pbkdf2_sha256$5000$" + strings.Repeat("s", 65) + "$" + sum, "secret", false},
		{"salt with a space", "pbkdf2_sha256$5000$a b$" + sum, "secret", false},
		{"empty hash", "pbkdf2_sha256$5000$" + salt + "$", "secret", false},
		{"short hash", "pbkdf2_sha256$5000$" + salt + "$" + sum[:40], "secret", false},
		{"hash with a line end", "pbkdf2_sha256$5000$" + salt + "$" + sum[:10] + "\n" + sum[10:], "secret", false},
		{"a megabyte", strings.Repeat("pbkdf2_sha256$", 1<<16), "secret", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			derivations, iterations := 0, 0
			p := auth.Passwords{
				Iterations: cost,
				Others:     map[string]func(string, string) bool{"md5": legacyMD5},
				Derived:    func(n int) { derivations++; iterations += n },
			}
			got, err := p.Verify(t.Context(), tt.stored, tt.password, nil)
			if got != tt.want || err != nil {
				t.Errorf("got %v, %v, want %v", got, err, tt.want)
			}
			if iterations != cost || derivations > 2 {
				t.Errorf("%d iterations in %d derivations, want %d", iterations, derivations, cost)
			}
		})
	}
}

// A hash that costs more than ours makes others cost as much.
func TestVerifyCostOfStrongerHashes(t *testing.T) {
	var iterations int
	p := auth.Passwords{Iterations: 1000, Derived: func(n int) { iterations += n }}
	cost := func(stored string) int {
		iterations = 0
		if _, err := p.Verify(t.Context(), stored, "wrong", nil); err != nil {
			t.Fatal(err)
		}
		return iterations
	}
	strong := hash(t, "secret", 4000)
	before, with, after := cost(""), cost(strong), cost("")
	if before != 1000 || with != 4000 || after != 4000 {
		t.Errorf("nobody %d, a stronger hash %d, nobody then %d; want 1000, 4000, 4000", before, with, after)
	}
}

// A6: a hash that cannot be replaced is no reason to refuse.
func TestReplace(t *testing.T) {
	weak, strong := hash(t, "secret", 10), hash(t, "secret", 1000)
	tests := []struct {
		name, stored, password string
		err                    error
		replaced               bool
	}{
		{"weak", weak, "secret", nil, true},
		{"A6 weak, the store fails", weak, "secret", errors.New("disk full"), true},
		{"weak but wrong", weak, "Secret", nil, false},
		{"strong", strong, "secret", nil, false},
		{"stronger", hash(t, "secret", 2000), "secret", nil, false},
		{"SHA-1", "pbkdf2_sha1$1000$Zm9vYmFyU2FsdEZpeGVk12$4+8qS0Pea4V27VOf+Dpx+1kgLXc=", "secret-pass", nil, true},
		{"short salt", "pbkdf2_sha256$1000$s$z5qg11an2PuuFiGNdyoQwhVSx4XWM8VVm5AoQ/rFnME=", strings.Repeat("a", 300), nil, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := auth.Passwords{Iterations: 1000, Logger: quiet}
			var replacement string
			ok, err := p.Verify(t.Context(), tt.stored, tt.password, func(_ context.Context, encoded string) error {
				replacement = encoded
				return tt.err
			})
			if err != nil || ok != (tt.name != "weak but wrong") {
				t.Errorf("Verify: %v, %v", ok, err)
			}
			if (replacement != "") != tt.replaced {
				t.Fatalf("replaced with %q, want replaced %v", replacement, tt.replaced)
			}
			if !tt.replaced {
				return
			}
			if ok, _ := p.Verify(t.Context(), replacement, tt.password, nil); !ok || !strings.HasPrefix(replacement, "pbkdf2_sha256$1000$") {
				t.Errorf("the replacement %s does not verify", replacement)
			}
		})
	}
}

// R13: a flood of logins takes the cores that it is given, and a queue of its own length.
func TestHashingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running, most atomic.Int32
		hold := make(chan struct{})
		p := &auth.Passwords{
			Iterations:  1,
			Concurrency: 3,
			Derived: func(int) {
				n := running.Add(1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				<-hold
				running.Add(-1)
			},
		}
		var busy, done atomic.Int32
		var flood sync.WaitGroup
		for range 1000 {
			flood.Go(func() {
				_, err := p.Verify(t.Context(), "", "x", nil)
				switch {
				case errors.Is(err, auth.ErrBusy):
					busy.Add(1)
				case err == nil:
					done.Add(1)
				}
			})
		}
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := p.Hash(ctx, "x"); !errors.Is(err, auth.ErrBusy) {
			t.Errorf("one more: %v, want ErrBusy", err)
		}
		close(hold)
		flood.Wait()
		if most.Load() != 3 || done.Load() != 303 || busy.Load() != 697 {
			t.Errorf("%d at once, %d done, %d refused; want 3, 303 (3 and 100 for each in the queue), 697",
				most.Load(), done.Load(), busy.Load())
		}
		if _, err := p.Hash(t.Context(), "x"); err != nil {
			t.Errorf("after the flood: %v", err)
		}
	})
}

func TestHashWaitEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		p := &auth.Passwords{Iterations: 1, Concurrency: 1, Derived: func(int) { <-hold }}
		var first sync.WaitGroup
		first.Go(func() { p.Hash(t.Context(), "x") })
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		var second sync.WaitGroup
		second.Go(func() {
			if _, err := p.Hash(ctx, "x"); !errors.Is(err, auth.ErrUnavailable) {
				t.Errorf("Hash: %v, want ErrUnavailable", err)
			}
		})
		synctest.Wait()
		cancel()
		second.Wait()
		close(hold)
		first.Wait()
	})
}

func ExamplePasswords() {
	ctx := context.Background()
	p := auth.Passwords{Iterations: 1000} // for a quick example: leave it at 0
	stored, err := p.Hash(ctx, "correct horse battery staple")
	if err != nil {
		panic(err)
	}
	fmt.Println(strings.Split(stored, "$")[0])

	right, err := p.Verify(ctx, stored, "correct horse battery staple", func(ctx context.Context, encoded string) error {
		// UPDATE users SET password = encoded WHERE id = … AND password = stored
		return nil
	})
	fmt.Println(right, err)
	// Nobody has that name: it takes as long.
	right, err = p.Verify(ctx, "", "correct horse battery staple", nil)
	fmt.Println(right, err)
	// Output:
	// pbkdf2_sha256
	// true <nil>
	// false <nil>
}
