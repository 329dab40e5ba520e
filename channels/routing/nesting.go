package routing

import (
	"context"
	"maps"
	"net/http"
	"sync/atomic"

	"github.com/sluicehq/sluice/channels"
)

// A nesting is how a router tells the one behind its wrappers what is left to
// match, and hears from it that nothing did. It is in the request's context and
// not in the scope because it ends with the call, while the scope may live on
// with a socket.
type nesting struct {
	path  string // r.URL.Path when the outer router matched it
	rest  string // what it left
	outer *match

	// busy is true while a route of the inner router is being served: a router
	// further in has nothing to do with this one.
	busy bool

	// unmatched is set by the inner router when no route matched. It is atomic
	// because a wrapper may have given up on a router that still runs, as
	// http.TimeoutHandler does.
	unmatched atomic.Bool
}

type nestingKey struct{}

func nestingOf(r *http.Request) *nesting {
	if n, ok := r.Context().Value(nestingKey{}).(*nesting); ok && !n.busy {
		return n
	}
	return nil
}

// serveWrapped serves m's route, whose handler has a router somewhere inside,
// and reports whether the request was dealt with. It was not if that router had
// no match and nobody wrote anything. Everything is then as it was before.
func serveWrapped(w http.ResponseWriter, r *http.Request, scope *channels.Scope, rest string, m *match) bool {
	n := &nesting{path: r.URL.Path, rest: rest, outer: m}
	watched := &writer{ResponseWriter: w, nesting: n}
	header := w.Header().Clone()
	params := scope.Value(paramsKey{})

	scope.SetValue(paramsKey{}, m)
	m.route.handler.ServeHTTP(watched, r.WithContext(context.WithValue(r.Context(), nestingKey{}, n)))

	if watched.wrote || !n.unmatched.Load() {
		return true
	}
	scope.SetValue(paramsKey{}, params)
	clear(w.Header())
	maps.Copy(w.Header(), header)
	return false
}

// serveNested serves as the inner router of n.
func (rt *router) serveNested(w http.ResponseWriter, r *http.Request, scope *channels.Scope, n *nesting) {
	path, ok := n.rest, true
	if r.URL.Path != n.path {
		// A wrapper in between has rewritten the path, as http.StripPrefix does:
		// what it left is what it wants matched.
		path, ok = trimSlash(r.URL.Path), routable(r.URL.Path)
	}
	n.busy = true
	n.unmatched.Store(!ok || !rt.serve(w, r, scope, path, n.outer))
	n.busy = false
}
