package routing_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/routing"
)

func withReply(ctx context.Context, got *reply) context.Context {
	return context.WithValue(ctx, replyKey{}, got)
}

// wrap is a middleware that only passes on, with a context and a writer of its own.
func wrap(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(onlyUnwrap{w}, r.WithContext(context.WithValue(r.Context(), new(int), 1)))
	})
}

type onlyUnwrap struct{ http.ResponseWriter }

func (w onlyUnwrap) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// R17, R18: nested regular expressions.
func TestNestedRegexps(t *testing.T) {
	inner := routing.URLRouter(
		routing.RePath(`^book/(?P<book>[\w-]+)/page/(?P<page>\d+)/$`, endpoint("page")),
		routing.RePath(`^test/(\d+)/$`, endpoint("test")),
	)
	outer := routing.URLRouter(
		routing.RePath(`^universe/(?P<universe>\d+)/author/(?P<author>\w+)/`, inner),
		routing.RePath(`^positional/(\w+)/`, inner),
	)
	check(t, outer, "/universe/42/author/ada/book/notes-1/page/10/", reached("page", nil, map[string]any{
		"universe": "42", "author": "ada", "book": "notes-1", "page": "10",
	}))
	check(t, outer, "/positional/foo/test/3/", reached("test", []string{"foo", "3"}, nil))
	check(t, outer, "/positional/foo/test/", notFound)
}

// R19 to R24: nested paths, directly and through a wrapper.
func TestNestedPaths(t *testing.T) {
	inner := routing.URLRouter(
		routing.Path("", endpoint("number")),
		routing.Path("test/<int:page>/", endpoint("page")),
		routing.Path("number/<int:inner>/", endpoint("deep"), routing.Defaults{"number": "inner"}),
	)
	for name, outer := range map[string]http.Handler{
		"direct":              routing.URLRouter(routing.Path("number/<int:number>/", inner)),
		"direct Prefix":       routing.URLRouter(routing.Prefix("number/<int:number>/", inner)),
		"without its slash":   routing.URLRouter(routing.Path("number/<int:number>", inner)),
		"wrapped":             routing.URLRouter(routing.Prefix("number/<int:number>/", wrap(inner))),
		"wrapped twice":       routing.URLRouter(routing.Prefix("number/<int:number>/", wrap(wrap(inner)))),
		"by way of another":   routing.URLRouter(routing.Path("number/", routing.URLRouter(routing.Path("<int:number>/", inner)))),
		"wrappers in between": routing.URLRouter(routing.Prefix("number/", wrap(routing.URLRouter(routing.Prefix("<int:number>", wrap(inner)))))),
		"prefix of nothing":   routing.URLRouter(routing.Prefix("", wrap(routing.URLRouter(routing.Prefix("number/<int:number>/", wrap(inner)))))),
		"path rewritten":      routing.URLRouter(routing.Prefix("number/<int:number>/", http.StripPrefix("/number/42", inner))),
		"under a root": http.StripPrefix("/", routing.URLRouter(
			routing.Prefix("number/<int:number>/", wrap(inner)))),
		"below a route of another": routing.URLRouter(routing.Path("<path:p>", endpointRouter{
			routing.URLRouter(routing.Prefix("number/<int:number>/", wrap(inner)))})),
	} {
		t.Run(name, func(t *testing.T) {
			check(t, outer, "/number/42/", reached("number", nil, map[string]any{"number": 42}))
			check(t, outer, "/number/42/test/3/", reached("page", nil, map[string]any{"number": 42, "page": 3}))
			check(t, outer, "/number/42/number/3/", reached("deep", nil, map[string]any{"number": "inner", "inner": 3}))
			check(t, outer, "/number/42/test/3/bla/", notFound) // R23
			check(t, outer, "/number/42/blub/", notFound)       // R24
			check(t, outer, "/number/42//test/3/", notFound)
			check(t, outer, "/number/42x/test/3/", notFound)
			check(t, outer, "/test/3/", notFound)
		})
	}
	check(t, inner, "/test/3/", reached("page", nil, map[string]any{"page": 3})) // R22
}

// An endpointRouter is a router hidden in an endpoint, on its own.
type endpointRouter struct{ http.Handler }

// R26, R27: an inner router without a match lets the outer one go on.
func TestFallThrough(t *testing.T) {
	inner := routing.URLRouter(routing.Path("no-match/", endpoint("inner")))
	for name, first := range map[string]routing.Route{
		"direct":          routing.Path("prefix/", inner),
		"RePath":          routing.RePath(`^pre(fix)/`, inner),
		"wrapped":         routing.Prefix("prefix/", wrap(inner)),
		"wrapped in part": routing.Prefix("<int:n>", wrap(inner)),
		"wrapped twice":   routing.Prefix("pre", wrap(routing.URLRouter(routing.Prefix("fix/", wrap(inner))))),
		"deeper":          routing.Path("pre", routing.URLRouter(routing.Prefix("fix/", wrap(inner)))),
		"timeout":         routing.Prefix("prefix/", http.TimeoutHandler(inner, time.Hour, "")),
	} {
		t.Run(name, func(t *testing.T) {
			outer := routing.URLRouter(first,
				routing.Path("prefix/stuff/", endpoint("outer")),
				routing.Path("prefix/<str:more>/", endpoint("more")))
			check(t, outer, "/prefix/stuff/", reached("outer", nil, nil))
			check(t, outer, "/prefix/other/", reached("more", nil, map[string]any{"more": "other"}))
			check(t, outer, "/prefix/no/match/", notFound)
			root := http.StripPrefix("/root", outer)
			check(t, root, "/root/prefix/stuff/", reached("outer", nil, nil))
			check(t, root, "/root/root/prefix/stuff/", notFound)
			check(t, root, "/root/prefix/root/stuff/", notFound)
		})
	}
}

// What a wrapper writes, whatever the way, is the answer.
func TestNoFallThroughAfterWriting(t *testing.T) {
	inner := routing.URLRouter(routing.Path("only/", endpoint("inner")))
	for name, write := range map[string]func(w http.ResponseWriter){
		"WriteHeader": func(w http.ResponseWriter) { w.WriteHeader(http.StatusForbidden) },
		"Write":       func(w http.ResponseWriter) { w.Write([]byte("no")) },
		"WriteString": func(w http.ResponseWriter) { w.(io.StringWriter).WriteString("no") },
		"Flush":       func(w http.ResponseWriter) { w.(http.Flusher).Flush() },
		"controller":  func(w http.ResponseWriter) { http.NewResponseController(w).Flush() },
		"ReadFrom": func(w http.ResponseWriter) {
			w.(io.ReaderFrom).ReadFrom(strings.NewReader("no"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			for when, wrapper := range map[string]http.Handler{
				"before": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { write(w); inner.ServeHTTP(w, r) }),
				"after":  http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { inner.ServeHTTP(w, r); write(w) }),
			} {
				outer := routing.URLRouter(routing.Prefix("a/", wrapper), routing.Path("a/b/", endpoint("outer")))
				if got := do(outer, "/a/b/"); got.Endpoint != "" {
					t.Errorf("written %s: the outer router went on to %q", when, got.Endpoint)
				}
			}
		})
	}
}

// An empty 200 is an answer before the router was asked, and none after.
func TestEmptyAnswer(t *testing.T) {
	inner := routing.URLRouter(routing.Path("only/", endpoint("inner")))
	for name, write := range map[string]func(w http.ResponseWriter){
		"WriteHeader": func(w http.ResponseWriter) { w.WriteHeader(http.StatusOK) },
		"Write":       func(w http.ResponseWriter) { w.Write(nil) },
		"WriteString": func(w http.ResponseWriter) { io.WriteString(w, "") },
	} {
		t.Run(name, func(t *testing.T) {
			before := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { write(w); inner.ServeHTTP(w, r) })
			after := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { inner.ServeHTTP(w, r); write(w) })
			later := routing.Path("a/b/", endpoint("outer"))
			check(t, routing.URLRouter(routing.Prefix("a/", before), later), "/a/b/", reply{Status: http.StatusOK})
			check(t, routing.URLRouter(routing.Prefix("a/", after), later), "/a/b/", reached("outer", nil, nil))
			check(t, routing.URLRouter(routing.Prefix("a/", after), later), "/a/only/", reached("inner", nil, nil))
		})
	}
}

// A wrapper that answers without asking its router has answered, and one that
// writes nothing at all has too: net/http makes it 200.
func TestWrapperDecides(t *testing.T) {
	silent := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	outer := routing.URLRouter(routing.Prefix("a/", silent), routing.Path("a/b/", endpoint("outer")))
	if got := do(outer, "/a/b/"); got.Endpoint != "" || got.Status != http.StatusOK {
		t.Errorf("got %+v, want status 200 from the wrapper", got)
	}
}

// Informational responses and failed hijacks are no answer.
func TestFallThroughAfterHints(t *testing.T) {
	inner := routing.URLRouter(routing.Path("only/", endpoint("inner")))
	hints := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		if _, _, err := http.NewResponseController(w).Hijack(); err == nil {
			t.Error("a recorder was hijacked")
		}
		inner.ServeHTTP(w, r)
	})
	outer := routing.URLRouter(routing.Prefix("a/", hints), routing.Path("a/b/", endpoint("outer")))
	got := do(outer, "/a/b/")
	if got.Endpoint != "outer" {
		t.Errorf("reached %q, want outer", got.Endpoint)
	}
}

// The wrappers of a route that was not taken leave nothing behind.
func TestFallThroughRestores(t *testing.T) {
	inner := routing.URLRouter(routing.Path("only/", endpoint("inner")))
	cors := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Add("Vary", "Origin")
		if got := routing.Params(r.Context()).Get("part"); got != "a" {
			t.Errorf("the wrapper sees part %q, want a", got)
		}
		inner.ServeHTTP(w, r)
	})
	last := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := routing.Params(r.Context()).Named(); len(got) != 0 {
			t.Errorf("parameters of a route that was not taken: %v", got)
		}
		if got := r.PathValue("part"); got != "" {
			t.Errorf("path value of a route that was not taken: %q", got)
		}
	})
	outer := routing.URLRouter(routing.Prefix("<str:part>/", cors), routing.Path("a/b/", last))
	w := httptest.NewRecorder()
	w.Header().Set("Vary", "Cookie")
	outer.ServeHTTP(w, httptest.NewRequest("GET", "/a/b/", nil))
	want := http.Header{"Vary": {"Cookie"}}
	if diff := cmp.Diff(want, w.Header()); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}

	r := httptest.NewRequest("GET", "/a/c/", nil)
	scope, r := channels.EnsureScope(r)
	outer.ServeHTTP(httptest.NewRecorder(), r)
	ctx := channels.ContextWithScope(t.Context(), scope)
	if got := routing.Params(ctx).Named(); len(got) != 0 {
		t.Errorf("parameters after 404: %v", got)
	}
}

// A wrapper may serve its router twice, and choose between two.
func TestWrapperWithSeveralTries(t *testing.T) {
	one := routing.URLRouter(routing.Path("one/", endpoint("one")))
	two := routing.URLRouter(routing.Path("two/", endpoint("two")))
	both := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		one.ServeHTTP(w, r)
		if r.Context().Value(replyKey{}).(*reply).Endpoint == "" {
			two.ServeHTTP(w, r)
		}
	})
	outer := routing.URLRouter(routing.Prefix("a/", both), routing.Path("a/<path:p>", endpoint("outer")))
	check(t, outer, "/a/one/", reached("one", nil, nil))
	check(t, outer, "/a/two/", reached("two", nil, nil))
	check(t, outer, "/a/three/", reached("outer", nil, map[string]any{"p": "three/"}))
}

// A wrapper that rewrites the path decides what its router matches.
func TestWrapperRewritesPath(t *testing.T) {
	var to string
	rewrite := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = r.Clone(r.Context())
		r.URL.Path = to
		routing.URLRouter(routing.Path("<path:p>", endpoint("inner"))).ServeHTTP(w, r)
	})
	outer := routing.URLRouter(routing.Prefix("a/", rewrite), routing.Path("a/b", endpoint("outer")))
	for path, want := range map[string]reply{
		"/a/b":  reached("inner", nil, map[string]any{"p": "b"}),
		"/c/d":  reached("inner", nil, map[string]any{"p": "c/d"}),
		"/":     reached("outer", nil, nil),
		"/../c": reached("outer", nil, nil),
	} {
		to = path
		check(t, outer, "/a/b", want)
	}
}

// A router inside an endpoint has nothing to do with the routers around it: it
// matches the whole path.
func TestRouterInsideEndpoint(t *testing.T) {
	alone := routing.URLRouter(routing.Path("a/<str:s>/", endpoint("alone")))
	outer := routing.URLRouter(
		routing.Prefix("a/", wrap(routing.URLRouter(routing.Path("<str:x>/", wrap(alone))))),
	)
	check(t, outer, "/a/b/", reached("alone", nil, map[string]any{"s": "b"}))
	none := routing.URLRouter(
		routing.Prefix("a/", wrap(routing.URLRouter(routing.Path("<str:x>/", wrap(routing.URLRouter()))))),
		routing.Path("a/b/", endpoint("later")),
	)
	check(t, none, "/a/b/", notFound)
}

// A handler that is still running when its wrapper has given up finds the route
// it was called for.
func TestTimeoutBeforeInnerRouter(t *testing.T) {
	release, reachedInner := make(chan struct{}), make(chan string, 1)
	inner := routing.URLRouter(
		routing.Path("b/", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reachedInner <- "b/" })),
		routing.Path("a/b/", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reachedInner <- "a/b/" })),
	)
	slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-release
		inner.ServeHTTP(w, r)
	})
	outer := routing.URLRouter(
		routing.Prefix("a/", http.TimeoutHandler(slow, time.Nanosecond, "late")),
		routing.Path("a/b/", endpoint("outer")),
	)
	if got := do(outer, "/a/b/"); got.Status != http.StatusServiceUnavailable || got.Endpoint != "" {
		t.Errorf("got %+v, want 503 from the timeout", got)
	}
	close(release)
	if got := <-reachedInner; got != "b/" {
		t.Errorf("the late router matched %q, want the rest b/", got)
	}
}
