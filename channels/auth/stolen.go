package auth

import (
	"context"

	"github.com/sluicehq/sluice/channels/sessions"
)

// stolen ends what hangs on a session that was ended because its cookie has been copied:
// see sessions.Session.Reused.
func (g *Gate[U]) stolen(ctx context.Context, s *sessions.Session) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	tag := SessionTag(s.ID())
	if err := g.remember(ctx, tag, s.Expires()); err != nil {
		g.log().ErrorContext(ctx, "auth: a stolen session is ended, but not its connections on other processes before their recheck", "err", err)
	}
	g.push(ctx, tag, "the cookie was copied")
	if kept, ok := readLogin(s); ok && g.Stolen != nil {
		g.Stolen(ctx, kept.id)
	}
}
