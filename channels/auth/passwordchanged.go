package auth

import (
	"fmt"
	"net/http"

	"github.com/sluicehq/sluice/channels/sessions"
)

// PasswordChanged ends every login of the request's user except its session, which gets
// a new token. U is the user as changed; that this user is logged in must have been known,
// through [User] or [Gate.Require], before the password was changed. Call it also when
// somebody's rights change, or another check was passed.
//
// All open connections of the user are closed with 3000 and "password changed", those of
// this session too: whoever has copied its cookie may have opened one of them. The
// browser's own connect again at once, with the new token; a copy of the old one is worth
// nothing. So a page should try once more before it says that its user was logged out.
func (g *Gate[U]) PasswordChanged(w http.ResponseWriter, r *http.Request, u U) error {
	if err := g.passwordChanged(r, u); err != nil {
		return fmt.Errorf("auth: password changed: %w", err)
	}
	return nil
}

func (g *Gate[U]) passwordChanged(r *http.Request, u U) error {
	ctx := r.Context()
	st := g.state(ctx)
	if st == nil {
		return ErrNoConnection
	}
	st.mu.Lock()
	was := st.login
	st.mu.Unlock()
	who := newLogin(u, idOf(u))
	if was.id == "" || was.id != who.id {
		return ErrNobody
	}
	s, err := sessions.Load(ctx)
	if err != nil {
		return err
	}
	if err := g.remember(ctx, UserTag(who.id), who.since.time()); err != nil {
		return err
	}
	who.backend, who.session, who.expires = was.backend, was.session, was.expires
	who.kept, who.limit = was.kept, was.limit
	if err := g.begin(ctx, &who); err != nil {
		return err
	}
	if was.session != "" && was.session == s.ID() && was.backend != nil {
		s.Renew()
		if err := write(s, &who); err != nil {
			return err
		}
		who.expires = earlier(momentOf(s.Expires()), who.limit)
	}
	st.become(ctx, &who)
	g.push(ctx, UserTag(who.id), "password changed")
	return nil
}
