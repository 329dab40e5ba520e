package auth

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
)

// MemoryUsers are users in memory, with passwords: a Backend for demos, tests, and
// tools with a handful of accounts. The zero value has none, and is ready.
type MemoryUsers struct {
	// Passwords hashes; its zero value is the recommended strength.
	Passwords Passwords

	mu     sync.RWMutex // guards the fields below, and is not held while hashing
	byID   map[string]*record
	byName map[string]*record // by CanonicalName
}

// A record is what is known about one user. It is not changed but replaced.
type record struct {
	account  Account
	name     string // canonical
	password string // encoded
	inactive bool
}

// An Account is a user of [MemoryUsers]. It prints as its ID.
type Account struct {
	ID   string // random
	Name string // as it was signed up
	// stamp is another one for each password, but the same when only the
	// password's hash is replaced.
	stamp string
}

// UserID implements [Identity].
func (a Account) UserID() string { return a.ID }

// SessionStamp ends the account's logins when its password is changed.
func (a Account) SessionStamp() string { return a.stamp }

// Format prints the ID, whatever the verb.
func (a Account) Format(f fmt.State, _ rune) { io.WriteString(f, "Account("+a.ID+")") }

// LogValue is the same for a log.
func (a Account) LogValue() slog.Value { return slog.StringValue("Account(" + a.ID + ")") }

// The errors of [MemoryUsers].
var (
	ErrNameTaken   = errors.New("auth: the name is taken")
	ErrNameInvalid = errors.New("auth: the name is not of 1 to 64 ASCII letters, digits and . _ @ + -")
	ErrNoUser      = errors.New("auth: no such user")
	ErrNoPassword  = errors.New("auth: the password is empty")
)

// CanonicalName returns the one form of the names that are taken for the same: in
// lower case. Names are up to 64 ASCII letters, digits and ". _ @ + -", so that no two
// look alike; any other is ErrNameInvalid.
func CanonicalName(name string) (string, error) {
	if name == "" || len(name) > 64 {
		return "", ErrNameInvalid
	}
	for _, c := range []byte(name) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9',
			c == '.', c == '_', c == '@', c == '+', c == '-':
		default:
			return "", ErrNameInvalid
		}
	}
	return strings.ToLower(name), nil
}

// SignUp adds a user. The errors are ErrNameTaken, ErrNameInvalid, ErrNoPassword, and
// those of [Passwords.Hash].
func (m *MemoryUsers) SignUp(ctx context.Context, name, password string) (Account, error) {
	canonical, err := CanonicalName(name)
	if err != nil {
		return Account{}, err
	}
	hash, err := m.hash(ctx, password)
	if err != nil {
		return Account{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, taken := m.byName[canonical]; taken {
		return Account{}, ErrNameTaken
	}
	if m.byID == nil {
		m.byID, m.byName = make(map[string]*record), make(map[string]*record)
	}
	r := &record{
		account:  Account{ID: rand.Text(), Name: name, stamp: rand.Text()},
		name:     canonical,
		password: hash,
	}
	m.put(r)
	return r.account, nil
}

func (m *MemoryUsers) hash(ctx context.Context, password string) (string, error) {
	if password == "" {
		return "", ErrNoPassword
	}
	return m.Passwords.Hash(ctx, password)
}

// put makes r what is known about its user. The mutex is held.
func (m *MemoryUsers) put(r *record) {
	m.byID[r.account.ID] = r
	m.byName[r.name] = r
}

// Lookup returns the user with a name, however it is written.
func (m *MemoryUsers) Lookup(name string) (Account, bool) {
	r := m.named(name)
	if r == nil {
		return Account{}, false
	}
	return r.account, true
}

func (m *MemoryUsers) named(name string) *record {
	canonical, err := CanonicalName(name)
	if err != nil {
		return nil
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.byName[canonical]
}

// Authenticate implements [Backend] for names with passwords. It takes the same time,
// and returns the same error, for a name that is unknown or inactive as for a wrong
// password.
func (m *MemoryUsers) Authenticate(ctx context.Context, c Credentials) (Account, error) {
	if c.Username == "" {
		return Account{}, ErrNotMine
	}
	r := m.named(c.Username)
	stored := ""
	if r != nil && !r.inactive {
		stored = r.password
	}
	replace := func(_ context.Context, encoded string) error { return m.replace(r, encoded) }
	right, err := m.Passwords.Verify(ctx, stored, c.Password, replace)
	if err != nil {
		return Account{}, err
	}
	if !right {
		return Account{}, ErrNotMine
	}
	return r.account, nil
}

// errChanged is why a hash is not replaced: the password was changed meanwhile.
var errChanged = errors.New("it was changed meanwhile")

// replace stores another hash of the same password, if that is still the user's.
func (m *MemoryUsers) replace(r *record, encoded string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.byID[r.account.ID]
	if now == nil || now.password != r.password {
		return errChanged
	}
	next := *now
	next.password = encoded
	m.put(&next)
	return nil
}

// ByIDs implements [Backend].
func (m *MemoryUsers) ByIDs(_ context.Context, ids []string) (map[string]Account, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	users := make(map[string]Account, len(ids))
	for _, id := range ids {
		if r := m.byID[id]; r != nil && !r.inactive {
			users[id] = r.account
		}
	}
	return users, nil
}

// SetPassword changes a user's password, which ends all logins; see
// [Gate.PasswordChanged]. The errors are ErrNoUser and those of SignUp.
func (m *MemoryUsers) SetPassword(ctx context.Context, id, password string) (Account, error) {
	hash, err := m.hash(ctx, password)
	if err != nil {
		return Account{}, err
	}
	return m.change(id, func(r *record) {
		r.password = hash
		r.account.stamp = rand.Text()
	})
}

// SetActive lets a user log in, or not; who is logged in is out at the next use.
func (m *MemoryUsers) SetActive(id string, active bool) error {
	_, err := m.change(id, func(r *record) { r.inactive = !active })
	return err
}

func (m *MemoryUsers) change(id string, change func(*record)) (Account, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.byID[id]
	if r == nil {
		return Account{}, ErrNoUser
	}
	next := *r
	change(&next)
	m.put(&next)
	return next.account, nil
}

// Delete forgets a user. The ID is not given to anybody else, the name may be.
func (m *MemoryUsers) Delete(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r := m.byID[id]; r != nil {
		delete(m.byID, id)
		delete(m.byName, r.name)
	}
}
