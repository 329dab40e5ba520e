package routing_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/channels/routing"
)

// A reply is what a request came to: the endpoint it reached, with its
// parameters, or a status.
type reply struct {
	Endpoint string
	Args     []string
	Named    map[string]any
	Status   int
}

// endpoint returns a handler that reports itself and its parameters to the
// reply that do made.
func endpoint(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := routing.Params(r.Context())
		got := r.Context().Value(replyKey{}).(*reply)
		if got.Endpoint != "" {
			panic("a second endpoint was reached: " + got.Endpoint + ", " + name)
		}
		*got = reply{Endpoint: name, Args: p.Args(), Named: p.Named()}
		fmt.Fprint(w, name)
	})
}

type replyKey struct{}

// do sends a GET for a path that is taken as it is, decoded.
func do(h http.Handler, path string) reply {
	var got reply
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/", nil)
	r.URL.Path = path
	h.ServeHTTP(w, r.WithContext(withReply(r.Context(), &got)))
	got.Status = w.Code
	return got
}

func reached(name string, args []string, named map[string]any) reply {
	if named == nil {
		named = map[string]any{}
	}
	return reply{Endpoint: name, Args: args, Named: named, Status: http.StatusOK}
}

var notFound = reply{Status: http.StatusNotFound}

func check(t *testing.T, h http.Handler, path string, want reply) {
	t.Helper()
	if diff := cmp.Diff(want, do(h, path)); diff != "" {
		t.Errorf("GET %q (-want +got):\n%s", path, diff)
	}
}

// R7 to R12, R15, R16: one router with regular expressions and paths.
func TestURLRouter(t *testing.T) {
	router := routing.URLRouter(
		routing.Path("", endpoint("root")),
		routing.Path("foo/", endpoint("foo")),
		routing.RePath(`bar`, endpoint("bar")),
		routing.RePath(`^posarg/(\d+)/$`, endpoint("posarg")),
		routing.Path("defaults/", endpoint("defaults"), routing.Defaults{"default": 42}),
		routing.RePath(`^defaults/(?P<default>\d+)?$`, endpoint("optional"), routing.Defaults{"default": 42}),
		routing.Path("foo/", endpoint("too late")),
		routing.RePath(`^date/(?P<year>\d{4})-(\d\d)$`, endpoint("mixed")),
		routing.RePath(`^either/(?:a(\d)|b(\d))$`, endpoint("either")),
		routing.RePath(`^a|b/$`, endpoint("alternatives")),
	)
	for _, tc := range []struct {
		name, path string
		want       reply
	}{
		{"R7 root", "/", reached("root", nil, nil)},
		{"R7 empty path", "", reached("root", nil, nil)},
		{"R7 literal", "/foo/", reached("foo", nil, nil)},
		{"R7 needs its slash", "/foo", notFound},
		{"R7 one leading slash", "//foo/", notFound},
		{"R8 not anchored at the end", "/bar/", reached("bar", nil, nil)},
		{"R8 not anchored at the end, longer", "/bar/baz/", reached("bar", nil, nil)},
		{"R8 anchored at the start", "/foo/bar/", notFound},
		{"R9 positional", "/posarg/123/", reached("posarg", []string{"123"}, nil)},
		{"R10 no state", "/posarg/456/", reached("posarg", []string{"456"}, nil)},
		{"R12 default", "/defaults/", reached("defaults", nil, map[string]any{"default": 42})},
		{"R12 the path gives it", "/defaults/7", reached("optional", nil, map[string]any{"default": "7"})},
		{"R15 no route", "/baz/", notFound},
		{"named groups drop the others", "/date/2026-11", reached("mixed", nil, map[string]any{"year": "2026"})},
		{"a group without a part keeps its place", "/either/b7", reached("either", []string{"", "7"}, nil)},
		{"the start binds every alternative", "/b/", reached("alternatives", nil, nil)},
		{"the start binds every alternative, not inside", "/xb/", notFound},
	} {
		t.Run(tc.name, func(t *testing.T) { check(t, router, tc.path, tc.want) })
	}
}

// R11, R21, R25: converters.
func TestConverters(t *testing.T) {
	const id = "01234567-89ab-cdef-0123-456789abcdef"
	router := routing.URLRouter(
		routing.Path("page/<int:page>/", endpoint("int")),
		routing.Path("str/<str:name>/", endpoint("str")),
		routing.Path("bare/<name>/", endpoint("bare")),
		routing.Path("slug/<slug:s>/", endpoint("slug")),
		routing.Path("uuid/<uuid:u>/", endpoint("uuid")),
		routing.Path("path/<path:p>", endpoint("path")),
		routing.Path("archive/<path:p>/raw", endpoint("raw")),
		routing.Path("pair/<str:a>-<str:b>/", endpoint("pair")),
		routing.Path("<int:year>/<int:month>.html", endpoint("month")),
	)
	value := func(name string, v any) map[string]any { return map[string]any{name: v} }
	for _, tc := range []struct {
		name, path string
		want       reply
	}{
		{"R21 int", "/page/42/", reached("int", nil, value("page", 42))},
		{"int with zeros", "/page/0042/", reached("int", nil, value("page", 42))},
		{"int too large", "/page/9223372036854775808/", notFound},
		{"int negative", "/page/-1/", notFound},
		{"int empty", "/page//", notFound},
		{"int of other digits", "/page/٤٢/", notFound},
		{"R11 str", "/str/hello/", reached("str", nil, value("name", "hello"))},
		{"str of many alphabets", "/str/grüße 東京/", reached("str", nil, value("name", "grüße 東京"))},
		{"str ends at a slash", "/str/a/b/", notFound},
		{"R25 no converter", "/bare/hello/", reached("bare", nil, value("name", "hello"))},
		{"slug", "/slug/a-B_9/", reached("slug", nil, value("s", "a-B_9"))},
		{"slug with a dot", "/slug/a.b/", notFound},
		{"uuid", "/uuid/" + id + "/", reached("uuid", nil, value("u", mustUUID(id)))},
		{"uuid in upper case", "/uuid/01234567-89AB-CDEF-0123-456789ABCDEF/", notFound},
		{"uuid cut short", "/uuid/" + id[:35] + "/", notFound},
		{"path", "/path/a/b/c.txt", reached("path", nil, value("p", "a/b/c.txt"))},
		{"path empty", "/path/", notFound},
		{"path in the middle", "/archive/raw/a/raw/raw", reached("raw", nil, value("p", "raw/a/raw"))},
		{"greedy", "/pair/x-y-z/", reached("pair", nil, map[string]any{"a": "x-y", "b": "z"})},
		{"two ints", "/2026/11.html", reached("month", nil, map[string]any{"year": 2026, "month": 11})},
	} {
		t.Run(tc.name, func(t *testing.T) { check(t, router, tc.path, tc.want) })
	}
}

func mustUUID(text string) (u routing.UUID) {
	if err := u.UnmarshalText([]byte(text)); err != nil {
		panic(err)
	}
	return u
}

// R13, R14, R28: a root path is what http.StripPrefix is for.
func TestRootPath(t *testing.T) {
	router := http.StripPrefix("/root", routing.URLRouter(
		routing.Path("", endpoint("root")),
		routing.Path("foo/", endpoint("foo")),
	))
	for _, tc := range []struct {
		name, path string
		want       reply
	}{
		{"R13 itself", "/root/", reached("root", nil, nil)},
		{"R13 below", "/root/foo/", reached("foo", nil, nil)},
		{"R14 outside", "/foo/", notFound},
		{"R28 once", "/root/root/foo/", notFound},
		{"R28 in the middle", "/root/foo/root/", notFound},
	} {
		t.Run(tc.name, func(t *testing.T) { check(t, router, tc.path, tc.want) })
	}
}

// Routes are tried in order even though they are looked up by how they begin.
func TestOrder(t *testing.T) {
	router := routing.URLRouter(
		routing.RePath(`^room/staff$`, endpoint("0")),
		routing.Path("room/<int:n>", endpoint("1")),
		routing.RePath(`^(?i)ROOM/`, endpoint("2")),
		routing.Path("room/lobby", endpoint("never")),
		routing.Path("<path:any>", endpoint("4")),
	)
	for path, want := range map[string]string{
		"/room/staff": "0",
		"/room/7":     "1",
		"/room/lobby": "2",
		"/Room/lobby": "2",
		"/roo":        "4",
		"/zoo":        "4",
	} {
		if got := do(router, path).Endpoint; got != want {
			t.Errorf("GET %s reached %q, want %q", path, got, want)
		}
	}
	if got := do(routing.URLRouter(), "/"); got.Status != http.StatusNotFound {
		t.Errorf("a router without routes answered %d", got.Status)
	}
}

// H38: paths that other programs read differently match nothing, and nothing is
// decoded twice or cleaned behind the back of a wrapper.
func TestHostilePaths(t *testing.T) {
	var seen string // by a wrapper that decides by the path
	inner := routing.URLRouter(
		routing.Path("ws", endpoint("ws")),
		routing.Path("admin", endpoint("admin")),
		routing.Path("<path:rest>", endpoint("rest")),
	)
	router := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = r.URL.Path
		inner.ServeHTTP(w, r)
	})
	rest := func(s string) reply { return reached("rest", nil, map[string]any{"rest": s}) }
	for _, tc := range []struct {
		target string // as on the request line
		want   reply
	}{
		{"/ws", reached("ws", nil, nil)},
		{"/%77s", reached("ws", nil, nil)},
		{"/%2577s", rest("%77s")},
		{"//evil/..%2fws", notFound},
		{"//ws", rest("/ws")},
		{"/%2fws", rest("/ws")},
		{"/x/../ws", notFound},
		{"/x/%2e%2e/ws", notFound},
		{"/./ws", notFound},
		{"/ws/.", notFound},
		{"/..", notFound},
		{"/...", rest("...")},
		{"/ws%00", notFound},
		{"/ws%0d%0aSet-Cookie:x", notFound},
		{"/ws%7f", notFound},
		{"/ws/..;/admin", rest("ws/..;/admin")},
		{"/%c0%afadmin", notFound}, // an overlong "/"
		{"/x%ff", notFound},
		{"/x%ef%bf%bd", rest("x\ufffd")},
	} {
		t.Run(tc.target, func(t *testing.T) {
			var got reply
			r := httptest.NewRequest("GET", tc.target, nil)
			w := httptest.NewRecorder()
			router.ServeHTTP(w, r.WithContext(withReply(r.Context(), &got)))
			got.Status = w.Code
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if seen != r.URL.Path {
				t.Errorf("the wrapper saw %q, the router matched %q", seen, r.URL.Path)
			}
		})
	}
}
