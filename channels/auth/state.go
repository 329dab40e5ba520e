package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"sync"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/sessions"
)

// slotKey is the key of the state in a scope, and the owner of its guard.
type slotKey struct{}

// A state is what the gate knows about one request or connection, which keeps it for as
// long as it lives.
type state[U Identity] struct {
	handled  bool       // there is a Handler around
	busy     bool       // somebody is finding out
	resolved bool       // that has been done
	mu       sync.Mutex // guards all but handled
	gate     *Gate[U]   // nil: the user was put there by WithUser
	login    login[U]
	rare     *rareState[U] // see rarely
}

// A rareState is what few states need.
type rareState[U Identity] struct {
	waiting chan struct{} // closed when somebody has found out; made when another waits
	refused error         // why what the client showed is no good
	failed  error         // why it could not be found out
	shown   []shown
	permits []func(U) bool

	// The user that Authenticate returned last, and which backend it came from.
	vouchedID string
	vouchedBy *source[U]
}

// rarely returns the rare state, to be changed. The mutex is held.
func (s *state[U]) rarely() *rareState[U] {
	if s.rare == nil {
		s.rare = new(rareState[U])
	}
	return s.rare
}

// permits returns the predicates of the wrappers around the handler. The mutex is held.
func (s *state[U]) permits() []func(U) bool {
	if s.rare == nil {
		return nil
	}
	return s.rare.permits
}

// A login is who somebody is, and how that is known.
type login[U Identity] struct {
	user    U
	id      string     // empty: nobody
	backend *source[U] // knows whether that is still so; nil: nobody does
	stamp   string
	session string            // the ID of the session that it ends with
	since   moment            // when it was made
	expires moment            // zero: never
	limit   moment            // which expires is never after, whatever becomes of kept; zero: none
	kept    *sessions.Session // that it is kept in, if others may end or extend it in a Store
	checked time.Duration     // since epoch: when the backend was last asked
}

// A holder is a state of whatever user.
type holder interface {
	current(ctx context.Context) (id string, ok bool, err error)
	loggedInAt(ctx context.Context) (time.Time, bool)
	ticket(ctx context.Context) (ticket, error)
	userType() reflect.Type
}

func (s *state[U]) userType() reflect.Type { return reflect.TypeFor[U]() }

// lookup returns the state that ctx belongs to, or nil.
func lookup[U Identity](ctx context.Context, who string) *state[U] {
	scope, ok := channels.ScopeFrom(ctx)
	if !ok {
		return nil
	}
	switch st := scope.Value(slotKey{}).(type) {
	case *state[U]:
		return st
	case holder:
		panic(wrongType[U](who, st))
	}
	return nil
}

// state returns the state of ctx's connection, and makes one where no Handler did. It
// is nil if ctx belongs to no connection.
func (g *Gate[U]) state(ctx context.Context) *state[U] {
	g.ready()
	st := lookup[U](ctx, "a Gate")
	if st == nil {
		scope, ok := channels.ScopeFrom(ctx)
		if !ok {
			return nil
		}
		st = new(state[U])
		scope.SetValue(slotKey{}, st)
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.gate == nil {
		st.gate = g
	}
	return st
}

func wrongType[U Identity](who string, st holder) string {
	return fmt.Sprintf("auth: %s of %v, but the user of this connection is a %v: use the same type for the Gate and for auth.User",
		who, reflect.TypeFor[U](), st.userType())
}

const noGate = "auth: it cannot be known who this is: put auth.Stack (or Gate.Handler) around this handler; " +
	"where there is no HTTP, call Gate.Adopt or auth.WithUser in the Open of the Protocol"

// resolve finds out who this is, and returns it.
func (s *state[U]) resolve(ctx context.Context) (login[U], error) {
	err := s.find(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.login, err
}

// find finds out who this is, once: then login says so. A failure is not remembered, so
// that a later call tries again; a refusal is. It runs deep in the stack of a handshake,
// so that what is large is handed around by pointers.
func (s *state[U]) find(ctx context.Context) error {
	mine, err := s.begin(ctx)
	if !mine {
		return err
	}
	defer s.release() // also if a backend panics
	return s.ask(ctx)
}

// begin reports whether the caller is the one to find out; otherwise what is known.
func (s *state[U]) begin(ctx context.Context) (mine bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.resolved && s.busy {
		rare := s.rarely()
		if rare.waiting == nil {
			rare.waiting = make(chan struct{})
		}
		if err := s.wait(ctx, rare.waiting); err != nil {
			return false, err
		}
	}
	if s.resolved {
		return false, s.refusal()
	}
	s.busy = true
	return true, nil
}

// wait waits without the mutex.
func (s *state[U]) wait(ctx context.Context, done chan struct{}) error {
	s.mu.Unlock()
	defer s.mu.Lock()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return unavailable("wait", context.Cause(ctx))
	}
}

func (s *state[U]) ask(ctx context.Context) error {
	s.mu.Lock()
	gate := s.gate
	var list []shown
	if s.rare != nil {
		list = s.rare.shown
	}
	s.mu.Unlock()

	var who login[U]
	err := gate.find(ctx, &who, list, s.handled)

	s.mu.Lock()
	defer s.mu.Unlock()
	if s.resolved { // by a Login or Adopt
		return s.refusal()
	}
	if errors.Is(err, ErrUnavailable) {
		s.rarely().failed = err
		return err
	}
	s.settle(&who, err)
	if scope, ok := channels.ScopeFrom(ctx); ok {
		gate.guard(scope, &who)
	}
	return err
}

func (s *state[U]) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy = false
	if s.rare != nil && s.rare.waiting != nil {
		close(s.rare.waiting)
		s.rare.waiting = nil
	}
}

// settle notes who this is. The mutex is held.
func (s *state[U]) settle(who *login[U], refused error) {
	s.resolved, s.login = true, *who
	if s.rare != nil || refused != nil {
		rare := s.rarely()
		rare.refused, rare.failed, rare.shown = refused, nil, nil
	}
}

// refusal returns why what the client showed is no good, or nil. The mutex is held.
func (s *state[U]) refusal() error {
	if s.rare == nil {
		return nil
	}
	return s.rare.refused
}

// become makes the connection who's.
func (s *state[U]) become(ctx context.Context, who *login[U]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle(who, nil)
	if scope, ok := channels.ScopeFrom(ctx); ok {
		s.gate.guard(scope, who)
	}
}

// current returns the ID of the user.
func (s *state[U]) current(ctx context.Context) (string, bool, error) {
	err := s.find(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.login.id, s.login.id != "", err
}

// failure returns why a response with a status, made by a handler that wanted to know who
// this is, must not go out: that could not be found out, or what the client showed is no
// good. A handler may answer the latter itself.
func (s *state[U]) failure(status int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.rare == nil:
	case s.rare.failed != nil && status < 500:
		return s.rare.failed
	case s.rare.refused != nil && status < 400:
		return s.rare.refused
	}
	return nil
}

// deny answers for the gate.
func (s *state[U]) deny(w http.ResponseWriter, r *http.Request, err error) {
	s.mu.Lock()
	gate := s.gate
	s.mu.Unlock()
	gate.Deny(w, r, err)
}

// admit returns why a user may not pass the predicates of the wrappers around the
// handler.
func (s *state[U]) admit(user U) error {
	s.mu.Lock()
	permits := s.permits()
	s.mu.Unlock()
	for _, may := range permits {
		if !may(user) {
			return ErrForbidden
		}
	}
	return nil
}
