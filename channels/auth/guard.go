package auth

import (
	"time"

	"github.com/sluicehq/sluice/channels"
)

const (
	userPrefix    = "user:"
	sessionPrefix = "session:"
)

// UserTag is the tag of the connections of a user, for (*channels.Server).Disconnect.
func UserTag(userID string) string { return userPrefix + userID }

// SessionTag is the tag of the connections that a session opened.
func SessionTag(sessionID string) string { return sessionPrefix + sessionID }

// guard asks the server to hold a connection to what its login allows. A plain
// request ends by itself.
func (g *Gate[U]) guard(scope *channels.Scope, who *login[U]) {
	if scope.Protocol() == "http" {
		return
	}
	scope.Guard(slotKey{}, channels.Guard{
		Tags:       who.tags(make([]string, 0, 2)),
		Expires:    who.expires.time(),
		Extendable: who.kept != nil,
		Rechecker:  g.rechecker(who),
		Interval:   g.interval(),
	})
}

// tags appends the tags of a login's connections, which share their text.
func (l *login[U]) tags(list []string) []string {
	if l.id == "" && l.session == "" {
		return list
	}
	text := userPrefix + l.id + sessionPrefix + l.session
	n := len(userPrefix) + len(l.id)
	if l.id != "" {
		list = append(list, text[:n])
	}
	if l.session != "" {
		list = append(list, text[n:])
	}
	return list
}

func (g *Gate[U]) interval() time.Duration {
	if g == nil {
		return 0
	}
	return g.ready().interval
}

// rechecker returns nil for nobody, and where there is no gate to ask.
func (g *Gate[U]) rechecker(who *login[U]) channels.Rechecker {
	if who.id == "" || g.interval() == 0 {
		return nil
	}
	return recheck[U]{g}
}
