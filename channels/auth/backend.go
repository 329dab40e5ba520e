package auth

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"unicode/utf8"
)

// An Identity is a user. Any type that has an ID is one.
//
// If it also has a method SessionStamp() string, what that returns is compared
// whenever the user is loaded: a login made with another stamp is over. Return
// something that changes with the password, such as its encoded hash or a counter.
// A session holds a SHA-256 of it and of the ID.
type Identity interface {
	// UserID names the user: never empty, never given to anybody else, and unique
	// within its backend. If two backends have the same ID for two users, each
	// gets the right account, but what is revoked for one is revoked for both.
	UserID() string
}

// A Backend knows users. Its methods may be called by several goroutines at once.
type Backend[U Identity] interface {
	// Authenticate returns the user whose credentials these are. ErrNotMine says
	// that they are not of the kind that this backend reads, or of nobody it
	// knows: the next backend is asked. ErrDenied refuses them for all. With any
	// other error the login fails as unavailable.
	Authenticate(ctx context.Context, c Credentials) (U, error)

	// ByIDs returns those of the users with the given IDs, at most 1,000, who
	// may be logged in: the inactive and the unknown are left out. It is asked
	// at the first use of each request or connection, for one user, and at
	// every recheck of open connections, for many.
	ByIDs(ctx context.Context, ids []string) (map[string]U, error)
}

// Credentials are what a client shows to a [Backend] in order to log in. They
// print as their kind alone.
type Credentials struct {
	Username string // at most 512 bytes
	Password string // at most 4,096 bytes
	Token    string // at most 8,192 bytes; for those that are no password
}

// The limits of credentials in bytes.
const (
	maxUsername = 512
	maxPassword = 4096
	maxToken    = 8192
)

// check refuses what cannot be anybody's, before anything is spent on it.
func (c Credentials) check() error {
	switch {
	case c == Credentials{}:
		return fmt.Errorf("%w: none", ErrMalformed)
	case len(c.Username) > maxUsername, len(c.Password) > maxPassword, len(c.Token) > maxToken:
		return fmt.Errorf("%w: too long", ErrMalformed)
	case !utf8.ValidString(c.Username), !utf8.ValidString(c.Password):
		return fmt.Errorf("%w: not UTF-8", ErrMalformed)
	}
	return nil
}

func (c Credentials) kind() string {
	switch {
	case c.Token != "":
		return "token"
	case c.Username != "" || c.Password != "":
		return "password"
	}
	return "none"
}

// Format prints the kind of the credentials, whatever the verb.
func (c Credentials) Format(f fmt.State, _ rune) { io.WriteString(f, "Credentials("+c.kind()+")") }

// LogValue is the same for a log.
func (c Credentials) LogValue() slog.Value { return slog.StringValue("Credentials(" + c.kind() + ")") }

// Named gives a backend a name, which sessions remember: the users of a session are
// loaded from the backend that they logged in with. Without one it has the name of
// its type, so it is needed for two of the same type, and before a type is renamed.
func Named[U Identity](name string, b Backend[U]) Backend[U] {
	if b == nil {
		panic("auth: Named: the backend is nil")
	}
	return &source[U]{Backend: b, name: name}
}

// A source is a backend with its name.
type source[U Identity] struct {
	Backend[U]
	name string
}

func newSource[U Identity](b Backend[U]) *source[U] {
	if s, ok := b.(*source[U]); ok {
		return s
	}
	t := reflect.TypeOf(b)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return &source[U]{Backend: b, name: t.String()}
}

// one loads one user. What comes back under another ID is nobody: it would be
// somebody else on the next request.
func (s *source[U]) one(ctx context.Context, id string) (user U, ok bool, err error) {
	users, err := s.ByIDs(ctx, []string{id})
	if err != nil {
		return user, false, unavailable("load a user", err)
	}
	user, ok = users[id]
	if !ok || idOf(user) != id {
		var nobody U
		return nobody, false, nil
	}
	return user, true, nil
}

// idOf returns the ID of a user, and nothing for a nil one.
func idOf[U Identity](u U) string {
	v := reflect.ValueOf(u)
	switch v.Kind() {
	case reflect.Invalid:
		return ""
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Func, reflect.Chan:
		if v.IsNil() {
			return ""
		}
	}
	return u.UserID()
}

func unavailable(what string, err error) error {
	return fmt.Errorf("%w: %s: %w", ErrUnavailable, what, err)
}
