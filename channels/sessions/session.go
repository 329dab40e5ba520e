package sessions

import (
	"context"
	"time"
)

// A Session is what is remembered about one browser: keys with values, encoded
// as JSON. It is loaded once for a request or connection, and its methods may be
// called by several goroutines at once.
type Session struct{}

// Load returns the session of the request or connection that ctx belongs to. It is
// where a Store is asked, at the first call. A client without a session, or with
// one that is forged or has expired, gets a new one, which comes into being when
// something is set. The errors are [ErrNoManager] and [ErrUnavailable].
func Load(ctx context.Context) (*Session, error) { return nil, ErrNoManager }

// Get returns the value of key as a T: what encoding/json makes of it, strictly.
// It returns false when there is none, when it is null, or is no T.
func Get[T any](s *Session, key string) (value T, ok bool) { return value, false }

// Set sets key to what encoding/json makes of value. A value equal to the present
// one is no change. The errors are json's and [ErrDetached].
func (s *Session) Set(key string, value any) error { return nil }

// Delete removes key.
func (s *Session) Delete(key string) {}

// Keys returns the keys that are set, sorted.
func (s *Session) Keys() []string { return nil }

// ID returns the session's public name, for logs and for [channels.Guard] tags:
// random, not secret, made when something is first set, the same after
// Renew, another one after Destroy. It is empty for a session that does not exist.
func (s *Session) ID() string { return "" }

// IsNew reports whether the session has never been saved.
func (s *Session) IsNew() bool { return true }

// Expires returns when the session ends unless it is used again. It is zero for a
// session that does not exist.
func (s *Session) Expires() time.Time { return time.Time{} }

// SetExpiry gives this session a life of its own ("remember me"): with d > 0 it
// ends d from now, at most 400 days, is kept when the browser is closed, and
// IdleTimeout does not apply. 0 makes it end with the browser, or with the
// Manager's Lifetime or IdleTimeout. A negative d returns to the Manager's rules.
func (s *Session) SetExpiry(d time.Duration) {}

// Renew gives the session a new token and Lifetime, and ends the old token; the
// data and the ID stay. It belongs wherever somebody's rights change: at login,
// after a changed password. (All data in the cookie: the old one cannot be
// taken back.)
func (s *Session) Renew() {}

// Destroy ends the session: its data and its token. What is set afterwards makes
// a new one.
func (s *Session) Destroy() {}

// Save saves now what was changed. Before the header is written there is no need
// for it, other than to see the error. Afterwards, so on a socket, it is how a
// change reaches the Store. Changes made elsewhere to other keys are kept, and
// seen from now on. The errors are [ErrTooLarge], [ErrConflict],
// [ErrUnavailable] and [ErrDetached].
func (s *Session) Save(ctx context.Context) error { return nil }

// Reload forgets what was changed and not saved, and loads the session again. One
// that was ended elsewhere, or renewed, is then a new one: empty, without an ID.
// The errors are [ErrUnavailable], and [ErrDetached] when all data is in a cookie
// that a later response may have replaced.
func (s *Session) Reload(ctx context.Context) error { return nil }
