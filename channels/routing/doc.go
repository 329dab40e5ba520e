// Package routing decides which handler serves a connection: by its protocol,
// and by its path, with parameters.
//
//	app := routing.ProtocolTypeRouter{
//		"http": site,
//		"websocket": routing.URLRouter(
//			routing.Path("echo/", srv.HandlerFunc(echo)),
//			routing.Path("room/<slug:room>/page/<int:page>/", srv.Handler(room)),
//			routing.RePath(`^feed/(?P<topic>[a-z]+)/$`, srv.Handler(feed)),
//			routing.Prefix("staff/", srv.Guard(auth.Stack(sess, gate)(gate.Require(staff)))),
//		),
//	}
//
// Everything in it is an [http.Handler] and works under any mux and behind any
// middleware. The patterns are those of Django and Django Channels; whoever does
// not need them can use [http.ServeMux] or another router with the rest of this
// module just as well.
//
// # Patterns
//
// [Path] has converters, <int:page>, and stands for the whole path. [RePath] has
// a regular expression and stands for as much of the path as it matches. Both
// begin at the start of the path without its leading slash. Routes are tried in
// their order; the first that matches is taken. If none does, the answer is 404.
//
// A browser cannot see why a handshake was refused. A last route that accepts
// and closes with a code of its own tells it:
//
//	routing.RePath("", srv.CloseWith(4404, "no such room"))
//
// # Parameters
//
// Handlers read what the path held, and the route's [Defaults], with [Params]:
// from the context, so also in a consumer, for as long as its socket lives. Named
// parameters are [http.Request.PathValue] as well, as text, once the route's
// handler has been reached.
//
//	p := routing.Params(ctx)
//	room := p.Get("room")        // text
//	page, ok := p.Int("page")    // typed
//	first := p.Arg(0)            // of RePath("^(\\d+)/$", …)
//
// # Routers in routers
//
// A [URLRouter] that is the handler of a route matches the rest of the path, and
// its parameters join those of the outer route. Behind wrappers it is announced
// by [Prefix]. An inner router that has no match does not answer 404: the outer
// router goes on with its later routes. Only the outermost answers.
//
// # Which path
//
// Routers match r.URL.Path, which net/http has decoded exactly once, and do not
// change it. A wrapper that allows or refuses by r.URL.Path therefore judges the
// very string that is routed. No route ever matches a path with "." or ".."
// segments, control characters or invalid UTF-8; a doubled slash is not the same
// as one. An encoded slash, %2F, has become a slash like any other.
//
// # Mistakes
//
// An ill-formed pattern, one that could never match, or a nil handler panics when
// the route is made, which is when the program starts. The message has the
// pattern and the place in it.
//
// # Concurrency
//
// Routers and routes do not change once they are made: any number of requests
// may be in them. [Values] do not change either. A ProtocolTypeRouter is a map,
// not to be changed while it serves.
//
// Matching takes time linear in the length of the path. Which routes are worth a
// try is looked up by the literal text that their patterns begin with, so a
// hundred routes cost little more than one.
package routing
