package auth

import (
	"net/http"

	"github.com/sluicehq/sluice/channels"
)

// Require lets users who are logged in through to next, and refuses others with
// ErrNobody: 401. In front of a socket it looks up the user before the handshake has been
// checked; put (*channels.Server).Guard around it, so that a page of another site cannot
// make it ask a backend.
func (g *Gate[U]) Require(next http.Handler) http.Handler {
	return g.Permit(nil)(next)
}

// Permit lets the users for whom may returns true through to the handler, and refuses
// others with ErrForbidden: 403. A socket keeps being held to it: may is asked again at each
// recheck, with the user as known by then, and by Adopt; if it then returns false, the
// connection closes with 3003. May should be quick. A nil may lets in every user.
func (g *Gate[U]) Permit(may func(U) bool) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			st := lookup[U](r.Context(), "a Gate")
			if st == nil {
				panic(noGate)
			}
			who, err := st.resolve(r.Context())
			if err == nil && who.id == "" {
				err = ErrNobody
			}
			if err == nil && may != nil && !may(who.user) {
				err = ErrForbidden
			}
			if err != nil {
				g.Deny(w, r, err)
				return
			}
			if scope, _ := channels.ScopeFrom(r.Context()); may != nil && scope.Protocol() != "http" {
				st.mu.Lock()
				st.rarely().permits = append(st.rarely().permits, may)
				st.mu.Unlock()
			}
			next.ServeHTTP(w, r)
		})
	}
}
