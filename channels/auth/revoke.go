package auth

import (
	"context"
	"fmt"
	"time"
)

// RevokeUser ends every login of a user: sessions, tickets, tokens issued before now,
// and open connections, which are closed with 3000. The user can log in again; to
// prevent that is up to the backend.
func (g *Gate[U]) RevokeUser(ctx context.Context, userID string) error {
	return g.revoke(ctx, UserTag(userID), "revoked")
}

// RevokeSession ends the session with an ID (sessions.Session.ID), and closes its
// connections.
func (g *Gate[U]) RevokeSession(ctx context.Context, sessionID string) error {
	return g.revoke(ctx, SessionTag(sessionID), "revoked")
}

// UserChanged says that something about a user has changed which backends, or the
// predicates of [Gate.Permit], look at: open connections are rechecked at once, on every
// process, rather than within RecheckInterval. When it returns, those of this process
// that may not stay are closed: with 3003 for a right that was taken away, with 3000 for a
// user who is gone. The others see the user as changed.
//
// An error means that other processes may not have been told; their next recheck will see
// it. So it is with a Revoker that cannot recheck.
func (g *Gate[U]) UserChanged(ctx context.Context, userID string) error {
	g.ready()
	by, ok := g.Revoker.(interface {
		Recheck(ctx context.Context, tag string) error
	})
	if !ok {
		return nil
	}
	if err := by.Recheck(ctx, UserTag(userID)); err != nil {
		return fmt.Errorf("auth: user changed: %w", err)
	}
	return nil
}

func (g *Gate[U]) revoke(ctx context.Context, tag, reason string) error {
	err := g.remember(ctx, tag, time.Time{})
	g.push(ctx, tag, reason)
	if err != nil {
		return fmt.Errorf("auth: revoke: %w", err)
	}
	return nil
}

// remember notes in Revocations that what a tag stands for has ended. Expires, if not
// zero, is when a session would have ended unless it is used again.
func (g *Gate[U]) remember(ctx context.Context, tag string, expires time.Time) error {
	r := g.ready()
	now := time.Now()
	until := now.Add(r.lifetime)
	if expires.After(until) {
		until = expires
	}
	if err := r.revocations.Revoke(ctx, tag, now, until); err != nil {
		return unavailable("remember what was revoked", err)
	}
	return nil
}

// push closes the open connections with a tag.
func (g *Gate[U]) push(ctx context.Context, tag, reason string) {
	if g.Revoker != nil {
		if err := g.Revoker.Disconnect(ctx, tag, reason); err != nil {
			g.log().ErrorContext(ctx, "auth: connections could not be told that they are revoked; their next recheck will", "tag", tag, "err", err)
		}
	}
	if g.Revoked != nil {
		g.Revoked(ctx, tag, reason)
	}
}

// isRevoked reports whether a login was ended before its time.
func (g *Gate[U]) isRevoked(ctx context.Context, who *login[U]) (bool, error) {
	ended, err := endingsOf(ctx, g.ready().revocations, func() []string { return who.tags(nil) })
	if err != nil {
		return false, unavailable("look up what was revoked", err)
	}
	return ended.ends(who.id, who.session, who.since), nil
}

// endings tell which logins were ended before their time: those of a session, or those of
// a user that were made before the revocation.
type endings interface {
	ends(userID, sessionID string, since moment) bool
}

// endingsOf asks about tags, unless the answer is in memory.
func endingsOf(ctx context.Context, r Revocations, tags func() []string) (endings, error) {
	if m, ok := r.(*MemoryRevocations); ok {
		return m, nil
	}
	ended, err := r.Revoked(ctx, tags())
	return noted(ended), err
}

// noted is what was found out about some tags.
type noted map[string]time.Time

func (n noted) ends(userID, sessionID string, since moment) bool {
	if len(n) == 0 {
		return false
	}
	if _, ok := n[SessionTag(sessionID)]; ok && sessionID != "" {
		return true
	}
	at, ok := n[UserTag(userID)]
	return ok && endedAt(at, since)
}

// endedAt reports whether a login that was made at since is among those that were ended at
// a time, which counts in milliseconds, too.
func endedAt(at time.Time, since moment) bool { return int64(since) <= at.UnixMilli() }
