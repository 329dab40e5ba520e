package sessions

import "time"

// A Keyring holds the secret keys of an application: the first signs, the others
// verify. It prints as its public key ids.
type Keyring struct{}

// NewKeyring returns a ring of keys: random, at least 32 bytes each. A key that is
// shorter, repeated, or looks like an example is an error.
func NewKeyring(keys ...[]byte) (Keyring, error) { return Keyring{}, nil }

// KeyFile returns the ring in a file, in the form that [ParseKeys] reads. If there
// is no such file, it is made with one random key, readable by its owner only.
func KeyFile(path string) (Keyring, error) { return Keyring{}, nil }

// KeyEnv returns the ring in an environment variable, in the form that
// [ParseKeys] reads.
func KeyEnv(name string) (Keyring, error) { return Keyring{}, nil }

// ParseKeys returns the ring that text lists: base64 keys, separated by commas or
// white space.
func ParseKeys(text string) (Keyring, error) { return Keyring{}, nil }

// Retiring returns the ring with one more key, which verifies until notAfter.
func (k Keyring) Retiring(key []byte, notAfter time.Time) (Keyring, error) { return k, nil }

// Derive returns a Signer for one purpose, with keys of its own: what it signs is
// worth nothing for any other purpose.
func (k Keyring) Derive(purpose string) *Signer { return &Signer{} }

// A Signer makes and checks tokens of one purpose. Its methods may be called by
// several goroutines at once.
type Signer struct{}

// Seal returns a token that carries payload, which can be read but not changed,
// until ends. Name is what it is bound to, such as a session's ID: Open must be
// given the same. The token has only characters of [A-Za-z0-9_.-].
func (s *Signer) Seal(name string, payload []byte, ends time.Time) string { return "" }

// Open returns the payload of a token that Seal made for name with one of the
// ring's keys, and that has not ended. Any other is [ErrInvalidToken].
func (s *Signer) Open(name, token string) ([]byte, error) { return nil, ErrInvalidToken }

// Sum returns a keyed hash of data, with the ring's first key: to look up or log
// what must not be known itself. It changes when the first key does.
func (s *Signer) Sum(data []byte) [32]byte { return [32]byte{} }
