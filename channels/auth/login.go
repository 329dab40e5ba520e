package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/sluicehq/sluice/channels/sessions"
)

// A LoginOption changes how [Gate.Login] makes a login.
type LoginOption func(*loginOptions)

type loginOptions struct {
	backend  string
	remember time.Duration
}

// FromBackend names the backend that knows the user. It is needed with several
// backends, unless [Gate.Authenticate] returned the user in the same request.
func FromBackend(name string) LoginOption {
	return func(o *loginOptions) { o.backend = name }
}

// Remember keeps the session for d, at most 400 days, also when the browser is
// closed. With a sessions.Store a copy of its cookie is noticed: see
// [sessions.Session.Reused] and Gate.Stolen. All in a signed cookie it is not, so that d
// should be short.
func Remember(d time.Duration) LoginOption {
	return func(o *loginOptions) { o.remember = d }
}

// Login logs u in: from now on, and in later requests with the session's cookie.
// That this is u must be known already, see [Gate.Authenticate]. W and r
// are those of the current handler, before it has written anything.
//
// The session gets a new token, and keeps none of what was put into it before, but for
// KeepKeys, unless it was u's already. Another user's session is ended, and its
// connections closed. The login is saved with the response: a handler that panics, or
// answers with a status of 500 or more, has logged nobody in.
func (g *Gate[U]) Login(w http.ResponseWriter, r *http.Request, u U, options ...LoginOption) error {
	var o loginOptions
	for _, option := range options {
		option(&o)
	}
	ctx := r.Context()
	id := idOf(u)
	if id == "" {
		return errors.New("auth: login: there is no user, or its ID is empty")
	}
	st := g.state(ctx)
	if st == nil {
		return fmt.Errorf("auth: login: %w", ErrNoConnection)
	}
	s, err := sessions.Load(ctx)
	if err != nil {
		return fmt.Errorf("auth: login: %w", err)
	}
	who := newLogin(u, id)
	if who.backend, err = g.backendOf(st, id, o.backend); err != nil {
		return fmt.Errorf("auth: login: %w", err)
	}
	if err := g.begin(ctx, &who); err != nil {
		return fmt.Errorf("auth: login: %w", err)
	}
	if err := g.clean(ctx, s, &who); err != nil {
		return fmt.Errorf("auth: login: %w", err)
	}
	s.Renew()
	if o.remember > 0 {
		s.SetExpiry(o.remember)
	}
	if err := write(s, &who); err != nil {
		return fmt.Errorf("auth: login: %w", err)
	}
	who.keptIn(s)
	st.become(ctx, &who)
	if g.LoggedIn != nil {
		g.LoggedIn(ctx, u)
	}
	return nil
}

// newLogin is a login that is made now.
func newLogin[U Identity](u U, id string) login[U] {
	return login[U]{user: u, id: id, stamp: stampOf(u), since: momentOf(time.Now()), checked: time.Since(epoch)}
}

// begin makes a login count as later than the last revocation of its user, also when
// that was noted by a clock that is ahead.
func (g *Gate[U]) begin(ctx context.Context, who *login[U]) error {
	ended, err := g.ready().revocations.Revoked(ctx, []string{UserTag(who.id)})
	if err != nil {
		return unavailable("look up what was revoked", err)
	}
	if at, ok := ended[UserTag(who.id)]; ok && endedAt(at, who.since) {
		who.since = momentOf(at) + 1
	}
	return nil
}

// clean takes out of a session what does not belong to who is about to log in.
func (g *Gate[U]) clean(ctx context.Context, s *sessions.Session, who *login[U]) error {
	kept, ok := readLogin(s)
	if !ok {
		for _, key := range s.Keys() {
			if !slices.Contains(g.KeepKeys, key) {
				s.Delete(key)
			}
		}
		return nil
	}
	if kept.id == who.id && kept.backend == who.backend.name && kept.stamp == who.stamp {
		return nil
	}
	return g.endSession(ctx, s, "another user logged in")
}

// backendOf returns who can load a user again: the backend with a name, or the one
// that has just authenticated this user, or the only one.
func (g *Gate[U]) backendOf(st *state[U], id, name string) (*source[U], error) {
	r := g.ready()
	if name != "" {
		if b := r.source(name); b != nil {
			return b, nil
		}
		return nil, fmt.Errorf("no backend is called %q", name)
	}
	st.mu.Lock()
	var vouchedBy *source[U]
	if st.rare != nil && st.rare.vouchedID == id {
		vouchedBy = st.rare.vouchedBy
	}
	st.mu.Unlock()
	switch {
	case vouchedBy != nil:
		return vouchedBy, nil
	case len(r.sources) == 1:
		return r.sources[0], nil
	case len(r.sources) == 0:
		return nil, errors.New("the Gate has no backend that could load the user again")
	}
	return nil, errors.New("the Gate has several backends: say which one knows the user, with auth.FromBackend")
}
