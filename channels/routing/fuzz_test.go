package routing_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/channels/routing"
)

// FuzzPath compares Path and Prefix with the regular expression that a pattern
// stands for. Nothing panics but the making of a route, as it is documented.
func FuzzPath(f *testing.F) {
	for _, seed := range [][2]string{
		{"", "/"},
		{"room/<str:name>/", "/room/lobby/"},
		{"<int:a>/<int:b>.html", "/2026/011.html"},
		{"<int:n>", "/9223372036854775808"},
		{"<str:a>-<str:b>", "/x-y-z"},
		{"<path:p>/raw", "/a/raw/raw"},
		{"<slug:s><int:n>/", "/abc12/"},
		{"<uuid:u><uuid:v>", "/" + someID + someID},
		{"<uuid:u><slug:v>", "/" + someID + "-1"},
		{"x<int:n><path:p>", "/x12/3"},
		{"a.b+<name>", "/a.b+ü"},
		{"a/<int:x", "/a/1"},
		{"a//<path:x>", "/a///../b"},
		{"ws", "//ws"},
		{"ws\x00", "/ws\x00"},
		{"^a$", "/\xff"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, path string) {
		if p := panicOf(func() { routing.Path(pattern, endpoint("it")) }); p != "" {
			if !strings.HasPrefix(p, "routing: Path("+strconv.Quote(pattern)+"): ") || !strings.Contains(p, ", at byte ") {
				t.Fatalf("pattern %q panics with %q", pattern, p)
			}
			return
		}
		inner := routing.URLRouter(routing.Path("<path:rest>", endpoint("rest")), routing.Path("", endpoint("end")))
		whole := routing.URLRouter(routing.Path(pattern, endpoint("it")))
		if diff := cmp.Diff(expected(pattern, path, false), do(whole, path)); diff != "" {
			t.Errorf("Path(%q), %q (-want +got):\n%s", pattern, path, diff)
		}
		if strings.Contains(pattern, "<path:rest>") || strings.Contains(pattern, ":rest>") || strings.Contains(pattern, "<rest>") {
			return
		}
		for _, route := range []routing.Route{routing.Path(pattern, inner), routing.Prefix(pattern, wrap(inner))} {
			if diff := cmp.Diff(expected(pattern, path, true), do(routing.URLRouter(route), path)); diff != "" {
				t.Errorf("prefix %q, %q (-want +got):\n%s", pattern, path, diff)
			}
		}
	})
}

// expected works out the reply with nothing but package regexp.
func expected(pattern, path string, prefix bool) reply {
	for _, segment := range strings.Split(path, "/") {
		if segment == "." || segment == ".." {
			return notFound
		}
	}
	if !utf8.ValidString(path) || strings.ContainsFunc(path, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return notFound
	}
	path = strings.TrimPrefix(path, "/")

	expr, kinds, names := translate(pattern)
	if !prefix {
		expr += `\z`
	}
	at := regexp.MustCompile(`\A` + expr).FindStringSubmatchIndex(path)
	if at == nil {
		return notFound
	}
	named := make(map[string]any)
	for i, name := range names {
		text := path[at[2*i+2]:at[2*i+3]]
		named[name] = text
		switch kinds[i] {
		case "int":
			n, err := strconv.Atoi(text)
			if err != nil {
				return notFound
			}
			named[name] = n
		case "uuid":
			named[name] = mustUUID(text)
		}
	}
	if !prefix {
		return reached("it", nil, named)
	}
	rest := path[at[1]:]
	if !strings.HasSuffix(path[:at[1]], "/") && at[1] > 0 {
		rest = strings.TrimPrefix(rest, "/")
	}
	if rest == "" {
		return reached("end", nil, named)
	}
	named["rest"] = rest
	return reached("rest", nil, named)
}

var bracket = regexp.MustCompile(`<(?:(\w+):)?([^>]+)>`)

// translate writes a well-formed pattern as a regular expression.
func translate(pattern string) (expr string, kinds, names []string) {
	pos := 0
	for _, at := range bracket.FindAllStringSubmatchIndex(pattern, -1) {
		kind := "str"
		if at[2] >= 0 {
			kind = pattern[at[2]:at[3]]
		}
		expr += regexp.QuoteMeta(pattern[pos:at[0]]) + map[string]string{
			"str":  `([^/]+)`,
			"int":  `([0-9]+)`,
			"slug": `([-a-zA-Z0-9_]+)`,
			"uuid": `([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})`,
			"path": `(.+)`,
		}[kind]
		kinds, names, pos = append(kinds, kind), append(names, pattern[at[4]:at[5]]), at[1]
	}
	return expr + regexp.QuoteMeta(pattern[pos:]), kinds, names
}

// FuzzRePath compares RePath with package regexp, and the look-up of routes with
// trying one after the other.
func FuzzRePath(f *testing.F) {
	for _, seed := range [][3]string{
		{`^front(end)/$`, `front`, "/frontend/"},
		{`^(?P<a>\d+)(b)?$`, `^(\d+)`, "/12"},
		{`(?i)ROOM|x`, `ro+m`, "/Room"},
		{`a|b/`, ``, "/b/"},
		{`(?:ab){2}c?`, `abab`, "/ababc"},
		{`(?m)^x$`, `\bx`, "/x"},
		{`^a(?=b)`, `x{1001}`, "/a"},
		{`[[:alpha:]]\pL\Qa.b\E`, `()`, "/xüa.b"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, one, two, path string) {
		var routes []routing.Route
		want := notFound
		for _, pattern := range []string{one, two, one + two} {
			p := panicOf(func() { routes = append(routes, routing.RePath(pattern, endpoint(pattern))) })
			if p != "" {
				if !strings.HasPrefix(p, "routing: RePath("+strconv.Quote(pattern)+"): ") {
					t.Fatalf("pattern %q panics with %q", pattern, p)
				}
				continue
			}
			alone := do(routing.URLRouter(routes[len(routes)-1]), path)
			matches := expected("", path, true).Status == http.StatusOK && // a path that may match at all
				regexp.MustCompile(`\A(?:`+pattern+`)`).MatchString(strings.TrimPrefix(path, "/"))
			if matches != (alone.Status == http.StatusOK) {
				t.Errorf("%q, %q: status %d, matches %v", pattern, path, alone.Status, matches)
			}
			if matches && want.Status != http.StatusOK {
				want = alone
			}
		}
		if diff := cmp.Diff(want, do(routing.URLRouter(routes...), path)); diff != "" {
			t.Errorf("%q %q, %q (-want +got):\n%s", one, two, path, diff)
		}
	})
}

// FuzzTarget sends request targets through net/http's parser: what
// reaches a handler is the path that a wrapper has seen.
func FuzzTarget(f *testing.F) {
	for _, seed := range []string{"/ws", "/%2577s", "//evil/..%2fws", "/ws%00", "/ws/..;/admin", "/%c0%af", "*", "/a?b#c", "http://h/ws"} {
		f.Add(seed)
	}
	router := routing.URLRouter(routing.Path("<path:p>", endpoint("p")), routing.Path("", endpoint("root")))
	f.Fuzz(func(t *testing.T, target string) {
		r, err := http.NewRequest("GET", target, nil)
		if err != nil {
			return
		}
		path := r.URL.Path
		var got reply
		w := httptest.NewRecorder()
		router.ServeHTTP(w, r.WithContext(withReply(r.Context(), &got)))
		if p, ok := got.Named["p"].(string); ok && p != strings.TrimPrefix(path, "/") {
			t.Errorf("path %q was routed as %q", path, p)
		}
		if got.Endpoint == "" && w.Code != http.StatusNotFound {
			t.Errorf("path %q: status %d", path, w.Code)
		}
	})
}
