package auth

import (
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"hash"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
)

// Passwords hashes and verifies passwords, with PBKDF2 (RFC 8018, Section 5.2) in the
// form
//
//	pbkdf2_sha256$iterations$salt$hash
//
// that Django reads and writes too. To verify takes the same number of iterations
// whatever there is to compare with, so that time tells nobody whether an account
// exists. The zero value is ready; share one in a process, and do not copy it.
type Passwords struct {
	// Iterations is what a hash costs: 0 means 600,000, about a tenth of a second
	// of one core, which is the least that OWASP recommends. Hashes with fewer
	// are replaced at the next login. A hash with more makes every verification
	// cost as much from then on.
	Iterations int

	// MaxIterations is the most that a stored hash may ask for. One that asks
	// for more matches nothing. 0 means 2,000,000, or Iterations if that is more.
	MaxIterations int

	// Concurrency is how many hashes are computed at once, so that a flood of
	// logins leaves cores to others; up to 100 times as many wait their turn,
	// and the rest get ErrBusy. 0 means half the cores, at least one.
	Concurrency int

	// Others verify stored hashes of other algorithms, by the text before their
	// first "$", such as "argon2". They should bound what a hash may ask for. What
	// they find right is replaced with a PBKDF2 hash. "pbkdf2_sha1" is built in.
	Others map[string]func(encoded, password string) bool

	// Derived, if not nil, is told of every derivation, with its iterations.
	Derived func(iterations int)

	// Logger gets a line when a hash could not be replaced. Nil means
	// [slog.Default].
	Logger *slog.Logger

	once    sync.Once
	slots   chan struct{}
	waiting atomic.Int64
	highest atomic.Int64 // iterations in a stored hash so far
}

const (
	defaultIterations    = 600_000
	defaultMaxIterations = 2_000_000

	// waitersPerSlot bounds the queue for the cores.
	waitersPerSlot = 100
)

// Hash returns a password's encoded hash, with a new salt. The errors are
// ErrMalformed for a password of more than 4,096 bytes or with a NUL at its end,
// ErrBusy, and ErrUnavailable
// when ctx ends while waiting for a core.
func (p *Passwords) Hash(ctx context.Context, password string) (string, error) {
	if err := checkPassword(password); err != nil {
		return "", err
	}
	release, err := p.acquire(ctx)
	if err != nil {
		return "", err
	}
	defer release()
	e := encoded{algorithm: pbkdf2SHA256, iterations: p.iterations(), salt: rand.Text()}
	e.hash = p.derive(password, e, e.iterations)
	return e.String(), nil
}

// Verify reports whether password is the one that was hashed. Stored is the account's
// encoded hash, or "" if there is no such account, it is not active, or has no
// password: the answer is then false, at the same cost.
//
// When the password is right and its hash is weaker than Hash would make it, replace
// is called with a new one; nil means to leave it. Replace must store the new hash only
// if the old one is still there (UPDATE … WHERE id = … AND password = …), as the
// password may be changed meanwhile. If it fails, that is logged, and tried again at
// the next login.
func (p *Passwords) Verify(ctx context.Context, stored, password string, replace func(ctx context.Context, encoded string) error) (bool, error) {
	if err := checkPassword(password); err != nil {
		return false, err
	}
	right, weak, err := p.compare(ctx, stored, password)
	if err != nil || !right {
		return false, err
	}
	if weak && replace != nil {
		encoded, err := p.Hash(ctx, password)
		if err == nil {
			err = replace(ctx, encoded)
		}
		if err != nil {
			p.log().WarnContext(ctx, "auth: a password's hash could not be replaced with a stronger one", "err", err)
		}
	}
	return true, nil
}

// compare spends the same whatever is stored.
func (p *Passwords) compare(ctx context.Context, stored, password string) (right, weak bool, err error) {
	release, err := p.acquire(ctx)
	if err != nil {
		return false, false, err
	}
	defer release()
	e, ok := parseEncoded(stored, p.maxIterations())
	if !ok {
		right = p.compareOther(stored, password)
		e = encoded{algorithm: pbkdf2SHA256, salt: "of nobody's password"}
	}
	for h := p.highest.Load(); int64(e.iterations) > h && !p.highest.CompareAndSwap(h, int64(e.iterations)); {
		h = p.highest.Load()
	}
	if ok {
		hash := p.derive(password, e, e.iterations)
		right = subtle.ConstantTimeCompare(hash, e.hash) == 1
	}
	// What the stored hash did not cost is spent all the same.
	if rest := max(p.iterations(), int(p.highest.Load())) - e.iterations; rest > 0 {
		p.derive(password, encoded{algorithm: pbkdf2SHA256, salt: e.salt}, rest)
	}
	return right, !ok || e.algorithm != pbkdf2SHA256 || e.iterations < p.iterations() || len(e.salt) < minSalt, nil
}

func (p *Passwords) compareOther(stored, password string) bool {
	other := p.Others[algorithmOf(stored)]
	return other != nil && other(stored, password)
}

// derive computes a hash with the algorithm and salt of e.
func (p *Passwords) derive(password string, e encoded, iterations int) []byte {
	if p.Derived != nil {
		p.Derived(iterations)
	}
	var newHash func() hash.Hash = sha256.New
	if e.algorithm == pbkdf2SHA1 {
		newHash = newSHA1
	}
	key, err := pbkdf2.Key(newHash, password, []byte(e.salt), iterations, e.algorithm.size())
	if err != nil {
		panic("auth: PBKDF2: " + err.Error()) // only in FIPS mode, for a short salt
	}
	return key
}

func checkPassword(password string) error {
	switch {
	case len(password) > maxPassword:
		return fmt.Errorf("%w: a password of more than %d bytes", ErrMalformed, maxPassword)
	case strings.HasSuffix(password, "\x00"):
		// RFC 2104, Section 2: HMAC appends zeros to a short key, so it would be
		// the same password without them.
		return fmt.Errorf("%w: a password that ends with NUL", ErrMalformed)
	}
	return nil
}

// acquire waits for a core.
func (p *Passwords) acquire(ctx context.Context) (release func(), err error) {
	p.once.Do(func() { p.slots = make(chan struct{}, p.concurrency()) })
	if p.waiting.Add(1) > int64(cap(p.slots)*(1+waitersPerSlot)) {
		p.waiting.Add(-1)
		return nil, ErrBusy
	}
	select {
	case p.slots <- struct{}{}:
		return func() { <-p.slots; p.waiting.Add(-1) }, nil
	case <-ctx.Done():
		p.waiting.Add(-1)
		return nil, unavailable("wait to hash a password", context.Cause(ctx))
	}
}

func (p *Passwords) concurrency() int {
	if p.Concurrency > 0 {
		return p.Concurrency
	}
	return max(runtime.GOMAXPROCS(0)/2, 1)
}

func (p *Passwords) iterations() int {
	if p.Iterations > 0 {
		return p.Iterations
	}
	return defaultIterations
}

func (p *Passwords) maxIterations() int {
	if p.MaxIterations > 0 {
		return p.MaxIterations
	}
	return max(defaultMaxIterations, p.iterations())
}

func (p *Passwords) log() *slog.Logger {
	if p.Logger != nil {
		return p.Logger
	}
	return slog.Default()
}
