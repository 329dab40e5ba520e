package routing_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/channels/routing"
)

func TestIllFormedPatterns(t *testing.T) {
	path := func(pattern string) func() {
		return func() { routing.Path(pattern, endpoint("")) }
	}
	prefix := func(pattern string) func() {
		return func() { routing.Prefix(pattern, endpoint("")) }
	}
	re := func(pattern string) func() {
		return func() { routing.RePath(pattern, endpoint("")) }
	}
	for _, tc := range []struct {
		name string
		make func()
		want string // all of the message
	}{
		{"unknown converter", path("room/<float:x>/"),
			`routing: Path("room/<float:x>/"): unknown converter "float"; there are str, int, slug, uuid and path, at byte 6: "float:x>/"`},
		{"empty converter", path("<:x>"),
			`routing: Path("<:x>"): unknown converter ""; there are str, int, slug, uuid and path, at byte 1: ":x>"`},
		{"blank before the name", path("a/<int: x>"),
			`routing: Path("a/<int: x>"): " x" is not a name: letters, digits and _, not beginning with a digit, at byte 7: " x>"`},
		{"no name", path("a/<int:>"),
			`routing: Path("a/<int:>"): "" is not a name: letters, digits and _, not beginning with a digit, at byte 7: ">"`},
		{"digit first", path("a/<1st>"),
			`routing: Path("a/<1st>"): "1st" is not a name: letters, digits and _, not beginning with a digit, at byte 3: "1st>"`},
		{"second parameter of a name", path("<a>/<int:a>"),
			`routing: Path("<a>/<int:a>"): a second parameter named "a", at byte 4: "<int:a>"`},
		{"never closed", path("a/<int:x"), `routing: Path("a/<int:x"): a "<" without its ">", at byte 2: "<int:x"`},
		{"never opened", path("a/x>/<y>"), `routing: Path("a/x>/<y>"): a ">" without its "<", at byte 3: ">/<y>"`},
		{"never opened, behind", path("<y>/x>"), `routing: Path("<y>/x>"): a ">" without its "<", at byte 5: ">"`},
		{"leading slash", path("/room/"), `routing: Path("/room/"): a leading slash, which paths are matched without, at byte 0: "/room/"`},
		{"regular expression", path(`(?P<year>\d+)/`),
			`routing: Path("(?P<year>\\d+)/"): a group; a regular expression is for RePath, at byte 0: "(?P<year>\\d+)/"`},
		{"anchor", path(`^room/`), `routing: Path("^room/"): an anchor; a regular expression is for RePath, at byte 0: "^room/"`},
		{"end anchor", prefix(`room/$`), `routing: Prefix("room/$"): an anchor; a regular expression is for RePath, at byte 5: "$"`},
		{"invalid UTF-8", path("ro\xffom"), `routing: Path("ro\xffom"): invalid UTF-8, at byte 2: "\xffom"`},

		{"group never closed", re(`^a/(b/(c)`), `routing: RePath("^a/(b/(c)"): missing closing ), at byte 3: "(b/(c)"`},
		{"group never opened", re(`^a/[)]\)(b))c`), `routing: RePath("^a/[)]\\)(b))c"): unexpected ), at byte 11: ")c"`},
		{"class with a bracket", re(`^[^](]+(`), `routing: RePath("^[^](]+("): missing closing ), at byte 7: "("`},
		{"class never closed", re(`^a/[b`), `routing: RePath("^a/[b"): missing closing ], at byte 3: "[b"`},
		{"nothing to repeat", re(`^a/**`), `routing: RePath("^a/**"): invalid nested repetition operator, at byte 3: "**"`},
		{"lookahead", re(`^a(?=b)`), `routing: RePath("^a(?=b)"): invalid or unsupported Perl syntax, at byte 2: "(?=b)"`},
		{"back reference", re(`^(a)\1`), `routing: RePath("^(a)\\1"): invalid escape sequence, at byte 4: "\\1"`},
		{"slash first", re(`^/room/$`), `routing: RePath("^/room/$"): a leading slash, which paths are matched without, at byte 1: "/room/$"`},
		{"UTF-8", re("^a\xff"), `routing: RePath("^a\xff"): invalid UTF-8, at byte 2: "\xff"`},

		{"nil handler", func() { routing.Path("a", nil) }, `routing: Path("a"): the handler is nil`},
		{"useless default", func() { routing.Path("<int:a>/", endpoint(""), routing.Defaults{"a": 1}) },
			`routing: Path("<int:a>/"): the default of "a" would never be used: the path always gives it`},
		{"zero route", func() { routing.URLRouter(routing.Route{}) },
			`routing: URLRouter: a zero Route; routes are made by Path, RePath and Prefix`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := panicOf(tc.make); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

// What stands outside angle brackets stands for itself.
func TestLiteralPatterns(t *testing.T) {
	for _, pattern := range []string{"a.b+c/", "a b/", "[x]/", `a\b`, "ü/", "%41", "a?b", "a$b/", "a(b)", "a^", "a//b"} {
		router := routing.URLRouter(routing.Path(pattern, endpoint("it")))
		check(t, router, "/"+pattern, reached("it", nil, nil))
		check(t, router, "/"+pattern+"x", notFound)
	}
}

// A pattern with more than one way to match needs linear time, not a try for
// each way: this one has some 10^19 of them.
func TestAmbiguousPatternIsLinear(t *testing.T) {
	router := routing.URLRouter(routing.Path("<str:a>-<str:b>-<str:c>-<str:d>-<str:e>-<str:f>/", endpoint("it")))
	check(t, router, "/"+strings.Repeat("-", 20_000), notFound)
}

// Routes may share a handler and a router may be in several places.
func TestSharedHandlers(t *testing.T) {
	inner := routing.URLRouter(routing.Path("x", endpoint("x")))
	outer := routing.URLRouter(
		routing.Path("a/", inner),
		routing.Path("b/<int:n>/", inner, routing.Defaults{"from": "b"}),
	)
	check(t, outer, "/a/x", reached("x", nil, nil))
	check(t, outer, "/b/7/x", reached("x", nil, map[string]any{"n": 7, "from": "b"}))
}

// A URLRouter keeps the routes that it was made with.
func TestRoutesAreCopied(t *testing.T) {
	routes := []routing.Route{routing.Path("a", endpoint("a"))}
	router := routing.URLRouter(routes...)
	routes[0] = routing.Path("b", http.NotFoundHandler())
	check(t, router, "/a", reached("a", nil, nil))

	defaults := routing.Defaults{"n": 1}
	router = routing.URLRouter(routing.Path("a", endpoint("a"), defaults, routing.Defaults{"m": 2}))
	defaults["n"] = 3
	check(t, router, "/a", reached("a", nil, map[string]any{"n": 1, "m": 2}))
}
