package routing

import (
	"net/http"
	"slices"

	"github.com/sluicehq/sluice/channels"
)

// URLRouter returns a handler that tries the routes in order and hands the
// request to the first that matches its path. No route is 404.
//
// What is matched is r.URL.Path, which net/http has decoded once, without its
// leading slash. The router does not change it: the wrappers and handlers
// below, and whatever they decide by it, see the string that was routed. To
// mount a router below a root path, put [http.StripPrefix] in front of it.
//
// Some paths match no route, whatever the patterns: those with a "." or ".."
// segment, with an ASCII control character, or that are not valid UTF-8.
// Browsers never send them, and no parameter ever holds them.
//
// A router may be the handler of a route of another router, directly or behind
// wrappers (see [Prefix]): it then matches the rest of the path, and if it has
// no match, the outer router goes on with its later routes.
func URLRouter(routes ...Route) http.Handler {
	rt := &router{routes: slices.Clone(routes)}
	for i := range rt.routes {
		if rt.routes[i].handler == nil {
			panic("routing: URLRouter: a zero Route; routes are made by Path, RePath and Prefix")
		}
	}
	rt.index = newIndex(rt.routes)
	return rt
}

type router struct {
	routes []Route
	index  index
}

// ServeHTTP implements http.Handler.
func (rt *router) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	scope, r := channels.EnsureScope(r)
	if n := nestingOf(r); n != nil {
		rt.serveNested(w, r, scope, n)
		return
	}
	path := r.URL.Path
	if !routable(path) || !rt.serve(w, r, scope, trimSlash(path), nil) {
		http.NotFound(w, r)
	}
}

// serve hands the request to the first route that matches path, and reports
// whether there was one. If not, nothing has been written. Outer is the match
// that led to this router, nil for the outermost.
func (rt *router) serve(w http.ResponseWriter, r *http.Request, scope *channels.Scope, path string, outer *match) bool {
	var buf [4]capture
	for _, i := range rt.index.candidates(path) {
		route := &rt.routes[i]
		captures, end, ok := route.pattern.match(path, buf[:0])
		if !ok {
			continue
		}
		m := newMatch(outer, route, captures)
		switch {
		case route.router != nil:
			if route.router.serve(w, r, scope, remainder(path, end), m) {
				return true
			}
		case route.prefix:
			if serveWrapped(w, r, scope, remainder(path, end), m) {
				return true
			}
		default:
			scope.SetValue(paramsKey{}, m)
			m.setPathValues(r)
			route.handler.ServeHTTP(w, r)
			return true
		}
	}
	return false
}

// remainder is what a route that ended at end leaves to the router behind it.
// The slash between the two belongs to neither, so a prefix may be written with
// or without it; a second slash stays.
func remainder(path string, end int) string {
	if end > 0 && path[end-1] != '/' {
		return trimSlash(path[end:])
	}
	return path[end:]
}

// trimSlash cuts one leading slash off.
func trimSlash(path string) string {
	if path != "" && path[0] == '/' {
		return path[1:]
	}
	return path
}
