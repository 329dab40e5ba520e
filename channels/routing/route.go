package routing

import (
	"fmt"
	"maps"
	"net/http"
)

// A Route is a pattern and the handler of the paths that it matches. Routes are
// made by [Path], [RePath] and [Prefix], when a program starts: each of them
// panics if the pattern is ill-formed, with the pattern and the place in it.
type Route struct {
	pattern  *pattern
	handler  http.Handler
	router   *router // the handler, if it is a router itself
	prefix   bool    // the handler has a router behind wrappers
	defaults map[string]parameter
}

// Defaults are named parameters that a route has when its path does not give
// them: arguments for a handler that serves several routes, or the values of
// groups that took no part in the match. Several are merged, later ones win.
type Defaults map[string]any

// Path returns a route for a pattern in the notation of Django's path():
//
//	room/<str:name>/page/<int:page>/
//
// The pattern stands for the whole path without its leading slash; "" is the
// root. Everything outside angle brackets stands for itself. In brackets are a
// converter and the name of a parameter:
//
//	<str:s>  <s>  one or more bytes other than "/"           string
//	<int:n>       ASCII digits, as many as fit an int        int
//	<slug:s>      ASCII letters, digits, "-" and "_"         string
//	<uuid:u>      a UUID in lower case, with its hyphens     [UUID]
//	<path:p>      anything, slashes too                      string
//
// If h is a router, made by [URLRouter], the pattern is a prefix and the router
// matches the rest; if it is a router behind wrappers, use [Prefix].
func Path(pattern string, h http.Handler, defaults ...Defaults) Route {
	_, isRouter := h.(*router)
	return newRoute("Path", parsePath("Path", pattern, isRouter), h, defaults)
}

// RePath returns a route for a regular expression in the syntax of [regexp],
// matched from the start of the path without its leading slash. It need not reach
// the end of the path unless it ends with $.
//
// Its groups are the parameters, as text. If any has a name, (?P<name>…), those
// with names are named parameters and the others are dropped; otherwise all are
// positional, and one that took no part in the match is "". Of several groups with
// one name the last that took part counts.
//
// If h is a router, made by [URLRouter], it matches the rest of the path.
func RePath(pattern string, h http.Handler, defaults ...Defaults) Route {
	return newRoute("RePath", parseRegexp(pattern), h, defaults)
}

// Prefix returns a route for a router behind wrappers: authentication for a part
// of a site, for example. The pattern is in the notation of [Path] and matches
// the start of the path; "" matches any. The [URLRouter] somewhere in h matches
// the rest. If it has no match and nothing has been written (an empty 200 behind
// it, from a wrapper that buffers, is nothing), the response's header is put back
// as it was and the outer router goes on with its later routes: the wrappers have
// run, but leave no trace in the response.
//
// The wrappers see the path that the outer router saw, and the parameters that
// it found. One that changes r.URL.Path, as [http.StripPrefix] does, decides what
// the inner router matches.
func Prefix(pattern string, h http.Handler, defaults ...Defaults) Route {
	rt := newRoute("Prefix", parsePath("Prefix", pattern, true), h, defaults)
	rt.prefix = true
	return rt
}

func newRoute(maker string, p *pattern, h http.Handler, defaults []Defaults) Route {
	if h == nil {
		panic(fmt.Sprintf("routing: %s(%q): the handler is nil", maker, p.source))
	}
	rt := Route{pattern: p, handler: h}
	rt.router, _ = h.(*router)
	merged := make(Defaults)
	for _, d := range defaults {
		maps.Copy(merged, d)
	}
	for name, value := range merged {
		if p.always(name) {
			panic(fmt.Sprintf("routing: %s(%q): the default of %q would never be used: the path always gives it", maker, p.source, name))
		}
		if rt.defaults == nil {
			rt.defaults = make(map[string]parameter, len(merged))
		}
		rt.defaults[name] = parameter{value: value, text: fmt.Sprint(value)}
	}
	return rt
}

// A parameter is a named value and its text.
type parameter struct {
	value any
	text  string
}
