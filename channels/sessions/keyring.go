package sessions

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"
)

// A Keyring holds the secret keys of an application: the first signs, the others
// verify. To rotate them, first add the new key at the end, on every server; then
// move it to the front; then, after a Lifetime, remove the old one, or let it
// retire by itself ([Keyring.Retiring]).
//
// A Keyring prints as its keys' public ids. The zero value holds no key.
type Keyring struct{ set *keyset }

type keyset struct{ keys []key }

type key struct {
	id       string // public: it stands in every token
	secret   hidden
	notAfter time.Time // zero: no end
}

// Hidden bytes are behind a function, so that they do not show when a struct is
// printed that has them somewhere inside: fmt asks no method of an unexported
// field, and follows pointers for a verb such as %s.
type hidden func() []byte

func hide(secret []byte) hidden { return func() []byte { return secret } }

// minKey is the least length of a key in bytes: as long as the hash it is used with.
const minKey = 32

// NewKeyring returns a ring of keys, each at least 32 bytes from a source such as
// crypto/rand. A key that is shorter, repeated, or looks like an example ("change
// me", all zeros, a short pattern) is an error.
func NewKeyring(keys ...[]byte) (Keyring, error) {
	if len(keys) == 0 {
		return Keyring{}, errors.New("sessions: no key: make one with crypto/rand, or use KeyFile")
	}
	var set keyset
	for _, secret := range keys {
		if err := set.add(secret, time.Time{}); err != nil {
			return Keyring{}, err
		}
	}
	return Keyring{&set}, nil
}

// Retiring returns a ring with one more key, which verifies until notAfter.
// Cookies that it signed are signed anew, by the first key, when they are used.
func (k Keyring) Retiring(key []byte, notAfter time.Time) (Keyring, error) {
	if k.IsZero() {
		return Keyring{}, errors.New("sessions: the first key of a ring cannot be a retiring one")
	}
	set := keyset{keys: k.set.keys[:len(k.set.keys):len(k.set.keys)]}
	if err := set.add(key, notAfter); err != nil {
		return Keyring{}, err
	}
	return Keyring{&set}, nil
}

func (s *keyset) add(secret []byte, notAfter time.Time) error {
	n := len(s.keys) + 1
	if reason := weakness(secret); reason != "" {
		return fmt.Errorf("sessions: key %d %s: make one with: head -c 32 /dev/urandom | base64", n, reason)
	}
	k := key{id: keyID(secret), secret: hide(bytes.Clone(secret)), notAfter: notAfter}
	for i, other := range s.keys {
		if other.id == k.id {
			return fmt.Errorf("sessions: keys %d and %d are the same", i+1, n)
		}
	}
	s.keys = append(s.keys, k)
	return nil
}

// IsZero reports whether k holds no key.
func (k Keyring) IsZero() bool { return k.set == nil }

// Format prints what String returns, whatever the verb.
func (k Keyring) Format(f fmt.State, _ rune) { io.WriteString(f, k.String()) }

// LogValue is what String returns, for a log.
func (k Keyring) LogValue() slog.Value { return slog.StringValue(k.String()) }

// String returns the ids of the keys, the signing one first, and when they retire.
func (k Keyring) String() string {
	if k.IsZero() {
		return "Keyring()"
	}
	ids := make([]string, len(k.set.keys))
	for i, key := range k.set.keys {
		ids[i] = key.id
		if !key.notAfter.IsZero() {
			ids[i] += " until " + key.notAfter.UTC().Format(time.RFC3339)
		}
	}
	return "Keyring(" + strings.Join(ids, ", ") + ")"
}

// keyID returns the 8 characters that name a key in a token. They are derived, as
// the keys of each purpose are, and tell nothing about them.
func keyID(secret []byte) string {
	return base64.RawURLEncoding.EncodeToString(derive(secret, "sluice key id", 6))
}

// derive is HKDF-SHA256 (RFC 5869) without a salt: the secret is random already.
func derive(secret []byte, info string, n int) []byte {
	out, err := hkdf.Key(sha256.New, secret, nil, info, n)
	if err != nil {
		panic("sessions: HKDF: " + err.Error()) // only for n over 8,160, or a key too short
	}
	return out
}
