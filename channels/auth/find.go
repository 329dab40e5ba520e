package auth

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/channels/sessions"
)

const wantSession = "auth: there is no session here: use auth.Stack, which puts (*sessions.Manager).Handler around the Gate, or give the Gate Schemes"

// find finds out who shows a session and a list of credentials, and puts it into who. Its
// errors are ErrUnavailable, and others if the credentials are no good; then who has the
// session alone. Handled says that there is a Handler around.
func (g *Gate[U]) find(ctx context.Context, who *login[U], list []shown, handled bool) error {
	if err := g.fromSession(ctx, who, handled && len(g.Schemes) == 0); err != nil {
		return err
	}
	for i := range list {
		if err := g.addToken(ctx, who, &list[i]); err != nil {
			*who = login[U]{session: who.session}
			return err
		}
	}
	return nil
}

// addToken adds what a credential is worth.
func (g *Gate[U]) addToken(ctx context.Context, who *login[U], c *shown) error {
	other, err := g.fromToken(ctx, c)
	if err == nil {
		*who, err = combine(*who, other)
	} else if c.scheme.isNone(err) {
		g.log().DebugContext(ctx, "auth: a credential is taken for none", "scheme", c.scheme.Name, "err", err)
		return nil
	}
	return err
}

// fromSession loads the user whom the session names.
func (g *Gate[U]) fromSession(ctx context.Context, who *login[U], needed bool) error {
	s, err := sessions.Load(ctx)
	if err != nil {
		return noSession(err, needed)
	}
	if stolen := s.Reused(); stolen != nil {
		g.stolen(ctx, stolen)
	}
	if !g.read(ctx, s, who) {
		return nil
	}
	good, err := g.load(ctx, who, true)
	if err == nil && !good {
		// What was logged out, or changed its password, does not come back; nor
		// does the session fall to whoever gets the ID next.
		s.Destroy()
	}
	if err != nil || !good {
		*who = login[U]{}
	}
	return err
}

// noSession returns why there is none.
func noSession(err error, needed bool) error {
	if !errors.Is(err, sessions.ErrNoManager) {
		return unavailable("load the session", err)
	}
	if needed {
		panic(wantSession)
	}
	return nil
}

// read reads the login that a session keeps, and reports whether there is one.
func (g *Gate[U]) read(ctx context.Context, s *sessions.Session, who *login[U]) bool {
	kept, ok := readLogin(s)
	if !ok {
		who.session = s.ID()
		return false
	}
	backend := g.rules.source(kept.backend)
	if backend == nil {
		g.log().WarnContext(ctx, "auth: a session's backend is not among Gate.Backends: its user is anonymous", "backend", kept.backend)
		who.session = s.ID()
		return false
	}
	who.id, who.backend, who.stamp, who.since = kept.id, backend, kept.stamp, kept.since
	who.keptIn(s)
	return true
}

// keptIn notes that a login is kept in s, and ends with it.
func (l *login[U]) keptIn(s *sessions.Session) {
	l.session, l.expires = s.ID(), momentOf(s.Expires())
	if s.Stored() {
		l.kept = s
	}
}

// load loads the user of a login, and reports whether the login is still good.
func (g *Gate[U]) load(ctx context.Context, who *login[U], stamped bool) (bool, error) {
	revoked, err := g.isRevoked(ctx, who)
	if err != nil || revoked {
		return false, err
	}
	user, ok, err := who.backend.one(ctx, who.id)
	if err != nil || !ok {
		return false, err
	}
	if !stamped {
		who.stamp = stampOf(user)
	} else if !hasStamp(user, who.stamp) {
		return false, nil
	}
	who.user, who.checked = user, time.Since(epoch)
	return true, nil
}

// fromToken verifies a credential and loads its user.
func (g *Gate[U]) fromToken(ctx context.Context, c *shown) (login[U], error) {
	grant, err := c.scheme.Verify(ctx, c.token)
	switch {
	case err == nil:
		return g.fromGrant(ctx, grant)
	case errors.Is(err, ErrDenied), errors.Is(err, ErrMalformed):
		return login[U]{}, err
	case errors.Is(err, ErrNotMine):
		return login[U]{}, fmt.Errorf("%w: scheme %s: %w", ErrDenied, c.scheme.Name, err)
	}
	return login[U]{}, unavailable("scheme "+c.scheme.Name, err)
}

// fromGrant makes a login of a grant, with its user as known now.
func (g *Gate[U]) fromGrant(ctx context.Context, grant Grant) (login[U], error) {
	who := login[U]{
		id:      grant.UserID,
		session: grant.Session,
		stamp:   grant.stamp,
		since:   momentOf(grant.Issued),
		expires: momentOf(grant.Expires),
	}
	now := time.Now()
	if who.since == 0 {
		who.since = momentOf(now)
	}
	if !grant.Expires.IsZero() && !now.Before(grant.Expires) {
		return login[U]{}, fmt.Errorf("%w: expired", ErrDenied)
	}
	if grant.UserID == "" {
		return g.fromStranger(ctx, who, grant.User)
	}
	if who.backend = g.ready().source(grant.Backend); who.backend == nil {
		return login[U]{}, fmt.Errorf("%w: the grant's backend %q is not among Gate.Backends", ErrDenied, grant.Backend)
	}
	good, err := g.load(ctx, &who, grant.stamped)
	if err == nil && !good {
		err = fmt.Errorf("%w: the login is over", ErrDenied)
	}
	if err != nil {
		return login[U]{}, err
	}
	return who, nil
}

// fromStranger makes a login of a user whom no backend knows.
func (g *Gate[U]) fromStranger(ctx context.Context, who login[U], user Identity) (login[U], error) {
	u, ok := user.(U)
	if user != nil && !ok {
		panic(fmt.Sprintf("auth: a Grant's User is a %T, but the Gate is of %T: use the same type", user, u))
	}
	if who.id = idOf(u); who.id == "" {
		return login[U]{}, fmt.Errorf("%w: the grant is nobody's", ErrDenied)
	}
	who.user, who.stamp = u, stampOf(u)
	revoked, err := g.isRevoked(ctx, &who)
	if err == nil && revoked {
		err = fmt.Errorf("%w: revoked", ErrDenied)
	}
	if err != nil {
		return login[U]{}, err
	}
	return who, nil
}

// combine makes one login of two that a request shows. They must be the same user's:
// to prefer one would let whoever can add a credential choose.
func combine[U Identity](a, b login[U]) (login[U], error) {
	if a.session != "" && b.session != "" && a.session != b.session {
		return a, fmt.Errorf("%w: a credential of another session", ErrDenied)
	}
	if a.id == "" {
		if b.session == "" {
			b.session = a.session
		}
		return b, nil
	}
	if a.id != b.id || a.backend != b.backend {
		return a, fmt.Errorf("%w: credentials of different users", ErrDenied)
	}
	if a.session == "" {
		a.session = b.session
	}
	a.expires, a.limit = earlier(a.expires, b.expires), b.expires
	if b.since < a.since {
		a.since = b.since
	}
	return a, nil
}
