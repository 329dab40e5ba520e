package auth

import (
	"context"
	"errors"
	"fmt"

	"github.com/sluicehq/sluice/channels"
)

// Adopt makes u the user of this one connection: for a login over the socket itself,
// where no cookie can be set, and in the Open of a channels.Protocol. The browser's
// session is not touched. If another user was logged in, the connection leaves the
// groups that it joined for that one; its tags are u's from then on, and it no longer
// depends on the session. It is rechecked as any other.
//
// That this is u must be known already, see [Gate.Authenticate]. The error
// is ErrForbidden if a [Gate.Permit] around the handler does not let u in; then
// nothing is changed.
func (g *Gate[U]) Adopt(ctx context.Context, u U) error {
	id := idOf(u)
	if id == "" {
		return errors.New("auth: adopt: there is no user, or its ID is empty")
	}
	st := g.state(ctx)
	if st == nil {
		return fmt.Errorf("auth: adopt: %w", ErrNoConnection)
	}
	who := newLogin(u, id)
	if len(g.ready().sources) > 0 {
		var err error
		if who.backend, err = g.backendOf(st, id, ""); err != nil {
			return fmt.Errorf("auth: adopt: %w", err)
		}
	}
	if err := g.begin(ctx, &who); err != nil {
		return fmt.Errorf("auth: adopt: %w", err)
	}
	return g.adopt(ctx, st, &who)
}

// AdoptGrant is Adopt with what a [Verifier] returned, such as for a token in the first
// message: the connection closes when the grant expires.
func (g *Gate[U]) AdoptGrant(ctx context.Context, grant Grant) error {
	st := g.state(ctx)
	if st == nil {
		return fmt.Errorf("auth: adopt: %w", ErrNoConnection)
	}
	who, err := g.fromGrant(ctx, grant)
	if err != nil {
		return fmt.Errorf("auth: adopt: %w", err)
	}
	return g.adopt(ctx, st, &who)
}

func (g *Gate[U]) adopt(ctx context.Context, st *state[U], who *login[U]) error {
	if err := st.admit(who.user); err != nil {
		return fmt.Errorf("auth: adopt: %w", err)
	}
	scope, _ := channels.ScopeFrom(ctx)
	st.mu.Lock()
	another := st.login.id != "" && (st.login.id != who.id || st.login.backend != who.backend)
	st.mu.Unlock()
	if another {
		scope.LeaveGroups()
	}
	st.become(ctx, who)
	return nil
}

// Refresh extends a connection whose credential is about to expire: grant is what a
// new one is worth, and must be the same user's. Without a new one the connection
// closes at the end of the old.
func (g *Gate[U]) Refresh(ctx context.Context, grant Grant) error {
	st := g.state(ctx)
	if st == nil {
		return fmt.Errorf("auth: refresh: %w", ErrNoConnection)
	}
	was, err := st.resolve(ctx)
	if err != nil {
		return fmt.Errorf("auth: refresh: %w", err)
	}
	who, err := g.fromGrant(ctx, grant)
	if err != nil {
		return fmt.Errorf("auth: refresh: %w", err)
	}
	if was.id != who.id || was.backend != who.backend {
		return fmt.Errorf("auth: refresh: %w: it is another user's", ErrDenied)
	}
	if who.session == "" || who.session == was.session {
		who.session, who.kept = was.session, was.kept
		who.limit = who.expires
	}
	return g.adopt(ctx, st, &who)
}
