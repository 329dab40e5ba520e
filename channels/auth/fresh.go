package auth

import (
	"context"
	"net/http"
	"time"

	"github.com/sluicehq/sluice/channels"
)

// LoggedInAt returns when the user of ctx showed credentials: at the login of the
// session, however long it has been remembered, or at the issue of the token.
func LoggedInAt(ctx context.Context) (time.Time, bool) {
	if scope, ok := channels.ScopeFrom(ctx); ok {
		if st, ok := scope.Value(slotKey{}).(holder); ok {
			return st.loggedInAt(ctx)
		}
	}
	panic(noGate)
}

// loggedInAt implements holder.
func (s *state[U]) loggedInAt(ctx context.Context) (time.Time, bool) {
	who, err := s.resolve(ctx)
	return who.since.time(), err == nil && who.id != ""
}

// Fresh is Require for what a session that has been remembered for weeks must not do, such
// as to change the password: it lets in whoever has logged in within d, and refuses others
// with ErrStale: 401.
func (g *Gate[U]) Fresh(d time.Duration) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return g.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if since, _ := LoggedInAt(r.Context()); time.Since(since) > d {
				g.Deny(w, r, ErrStale)
				return
			}
			next.ServeHTTP(w, r)
		}))
	}
}
