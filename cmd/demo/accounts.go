package main

import (
	"context"
	"crypto/rand"
	"regexp"
	"sync"
	"unicode/utf8"

	"github.com/sluicehq/sluice/channels/auth"
)

// An Account is a user of the chat. It is found by its name.
type Account struct {
	Name  string
	stamp string
}

// UserID implements auth.Identity.
func (a Account) UserID() string { return a.Name }

// SessionStamp tells two accounts apart that had one name: accounts are forgotten
// when the demo ends, but a session, whose key may be kept in a file, is not.
func (a Account) SessionStamp() string { return a.stamp }

// readyAccounts are there from the start, with passwords that everybody knows: on a
// server that only this machine can reach.
var readyAccounts = []readyAccount{{"alice", "alice-demo"}, {"bob", "bob-demo"}}

type readyAccount struct{ Name, Password string }

// A refusal is why a sign-up failed, in words for the one who signs up.
type refusal string

func (r refusal) Error() string { return string(r) }

const (
	errName     = refusal("A name has 2 to 24 small letters, digits, - and _, a letter first.")
	errPassword = refusal("A password has 8 to 128 characters.")
	errTaken    = refusal("That name is taken.")
	errFull     = refusal("There are too many accounts already.")
)

const maxAccounts = 10_000

var accountName = regexp.MustCompile(`^[a-z][a-z0-9_-]{1,23}$`)

// accounts are the users, in memory. It is the gate's auth.Backend, which takes two
// methods: who has these credentials, and who has these IDs.
type accounts struct {
	passwords auth.Passwords

	mu     sync.Mutex // guards what follows; never held while hashing
	byName map[string]credentials
}

type credentials struct {
	account Account
	hash    string // of the password
}

// Authenticate implements auth.Backend. It takes as long for an unknown name as
// for a wrong password.
func (as *accounts) Authenticate(ctx context.Context, c auth.Credentials) (Account, error) {
	as.mu.Lock()
	known := as.byName[c.Username]
	as.mu.Unlock()
	right, err := as.passwords.Verify(ctx, known.hash, c.Password, nil)
	if err != nil {
		return Account{}, err
	}
	if !right {
		return Account{}, auth.ErrDenied
	}
	return known.account, nil
}

// ByIDs implements auth.Backend.
func (as *accounts) ByIDs(_ context.Context, ids []string) (map[string]Account, error) {
	as.mu.Lock()
	defer as.mu.Unlock()
	found := make(map[string]Account, len(ids))
	for _, id := range ids {
		if known, ok := as.byName[id]; ok {
			found[id] = known.account
		}
	}
	return found, nil
}

// signUp makes an account of somebody's own.
func (as *accounts) signUp(ctx context.Context, name, password string) (Account, error) {
	if !accountName.MatchString(name) {
		return Account{}, errName
	}
	if n := utf8.RuneCountInString(password); n < 8 || n > 128 {
		return Account{}, errPassword
	}
	return as.add(ctx, Account{Name: name, stamp: rand.Text()}, password)
}

// add makes an account that is not there yet.
func (as *accounts) add(ctx context.Context, account Account, password string) (Account, error) {
	hash, err := as.passwords.Hash(ctx, password)
	if err != nil {
		return Account{}, err
	}
	as.mu.Lock()
	defer as.mu.Unlock()
	if _, ok := as.byName[account.Name]; ok {
		return Account{}, errTaken
	}
	if len(as.byName) >= maxAccounts {
		return Account{}, errFull
	}
	if as.byName == nil {
		as.byName = make(map[string]credentials)
	}
	as.byName[account.Name] = credentials{account, hash}
	return account, nil
}
