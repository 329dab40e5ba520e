package routing_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/routing"
)

// valuesAt returns the parameters that the handler of path gets, and the request
// that it gets.
func valuesAt(t *testing.T, path string, routes func(h http.Handler) []routing.Route) (routing.Values, *http.Request) {
	t.Helper()
	var values routing.Values
	var request *http.Request
	h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		values, request = routing.Params(r.Context()), r
	})
	w := httptest.NewRecorder()
	routing.URLRouter(routes(h)...).ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	if request == nil {
		t.Fatalf("GET %s: status %d, no handler was reached", path, w.Code)
	}
	return values, request
}

const someID = "01234567-89ab-cdef-0123-456789abcdef"

func TestAccessors(t *testing.T) {
	values, r := valuesAt(t, "/a/007/"+someID+"/x/8/"+someID+"/xz/", func(h http.Handler) []routing.Route {
		return []routing.Route{
			routing.Path("a/<int:n>/<uuid:u>/", routing.URLRouter(
				routing.RePath(`^(?P<s>\w+)/(?P<digits>\d+)/(?P<id>[0-9a-f-]+)/(?P<gone>y)?(?P<n2>x)(?P<n2>z)?/$`, h,
					routing.Defaults{"mode": http.StatusTeapot, "gone": "default", "f": 1.5}),
			)),
		}
	})
	for _, tc := range []struct {
		name   string
		text   string
		value  any
		number int // -1: not an int
		isUUID bool
	}{
		{"n", "007", 7, 7, false},
		{"u", someID, mustUUID(someID), -1, true},
		{"s", "x", "x", -1, false},
		{"digits", "8", "8", 8, false},
		{"id", someID, someID, -1, true},
		{"gone", "default", "default", -1, false},
		{"mode", "418", 418, 418, false},
		{"f", "1.5", 1.5, -1, false},
		{"n2", "z", "z", -1, false},
		{"absent", "", nil, -1, false},
		{"", "", nil, -1, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := values.Get(tc.name); got != tc.text {
				t.Errorf("Get = %q, want %q", got, tc.text)
			}
			if got := r.PathValue(tc.name); got != tc.text {
				t.Errorf("PathValue = %q, want %q", got, tc.text)
			}
			got, ok := values.Lookup(tc.name)
			if got != tc.value || ok != (tc.value != nil) {
				t.Errorf("Lookup = %v, %v, want %v", got, ok, tc.value)
			}
			if n, ok := values.Int(tc.name); ok != (tc.number >= 0) || ok && n != tc.number {
				t.Errorf("Int = %d, %v, want %d", n, ok, tc.number)
			}
			if u, ok := values.UUID(tc.name); ok != tc.isUUID || ok && u.String() != someID {
				t.Errorf("UUID = %v, %v, want %v", u, ok, tc.isUUID)
			}
		})
	}
	text, err := json.Marshal(values.Named())
	if err != nil {
		t.Fatal(err)
	}
	want := `{"digits":"8","f":1.5,"gone":"default","id":"` + someID + `","mode":418,"n":7,"n2":"z","s":"x","u":"` + someID + `"}`
	if got := string(text); got != want {
		t.Errorf("as JSON:\ngot  %s\nwant %s", got, want)
	}
}

func TestPositional(t *testing.T) {
	values, _ := valuesAt(t, "/7/x/y", func(h http.Handler) []routing.Route {
		return []routing.Route{routing.RePath(`^(\d)/`, routing.URLRouter(
			routing.Path("<str:named>", routing.URLRouter(routing.RePath(`(y)(z)?$`, h)))))}
	})
	if diff := cmp.Diff([]string{"7", "y", ""}, values.Args()); diff != "" {
		t.Errorf("Args (-want +got):\n%s", diff)
	}
	for i, want := range map[int]string{-1: "", 0: "7", 1: "y", 2: "", 3: ""} {
		if got := values.Arg(i); got != want {
			t.Errorf("Arg(%d) = %q, want %q", i, got, want)
		}
	}
	values.Args()[0] = "changed"
	values.Named()["named"] = "changed"
	if values.Arg(0) != "7" || values.Get("named") != "x" {
		t.Error("the caller's copies are not copies")
	}
}

// A value of an inner route, also its default, comes before an outer one's.
func TestInnerBeforeOuter(t *testing.T) {
	values, r := valuesAt(t, "/1/2", func(h http.Handler) []routing.Route {
		return []routing.Route{routing.Path("<int:a>/", routing.URLRouter(
			routing.Path("<int:b>", h, routing.Defaults{"a": "inner", "c": "inner"}),
		), routing.Defaults{"b": "outer", "c": "outer", "d": "outer"})}
	})
	want := map[string]any{"a": "inner", "b": 2, "c": "inner", "d": "outer"}
	if diff := cmp.Diff(want, values.Named()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for name, text := range map[string]string{"a": "inner", "b": "2", "c": "inner", "d": "outer"} {
		if values.Get(name) != text || r.PathValue(name) != text {
			t.Errorf("%s: Get %q, PathValue %q, want %q", name, values.Get(name), r.PathValue(name), text)
		}
	}
}

func TestPattern(t *testing.T) {
	for _, tc := range []struct {
		path, want string
		route      func(h http.Handler) routing.Route
	}{
		{"/ws/room/x/", "ws/room/<str:name>/", func(h http.Handler) routing.Route {
			return routing.Prefix("ws/", wrap(routing.URLRouter(routing.Path("room/<str:name>/", h))))
		}},
		{"/a/7", `a/(\d+)`, func(h http.Handler) routing.Route {
			return routing.RePath("^a/", routing.URLRouter(routing.RePath(`^(\d+)$`, h)))
		}},
		{"/a$", `a\$`, func(h http.Handler) routing.Route { return routing.RePath(`a\$`, h) }},
		{"/", "", func(h http.Handler) routing.Route { return routing.Path("", h) }},
	} {
		values, _ := valuesAt(t, tc.path, func(h http.Handler) []routing.Route { return []routing.Route{tc.route(h)} })
		if got := values.Pattern(); got != tc.want {
			t.Errorf("GET %s: pattern %q, want %q", tc.path, got, tc.want)
		}
	}
}

// Parameters live in the scope, so a context that has nothing else of the
// request, such as a socket's, has them too, after the request has ended.
func TestParamsOutliveTheRequest(t *testing.T) {
	_, r := valuesAt(t, "/room/7/", func(h http.Handler) []routing.Route {
		return []routing.Route{routing.Prefix("room/", wrap(routing.URLRouter(routing.Path("<int:n>/", h))))}
	})
	scope, _ := channels.ScopeFrom(r.Context())
	ctx := channels.ContextWithScope(t.Context(), scope)
	if n, ok := routing.Params(ctx).Int("n"); !ok || n != 7 {
		t.Errorf("Int = %d, %v, want 7", n, ok)
	}
	if got := routing.Params(t.Context()); got.Get("n") != "" || got.Pattern() != "" || len(got.Args()) != 0 || len(got.Named()) != 0 {
		t.Errorf("a context without a scope has parameters: %v", got.Named())
	}
}

// R10, S10: connections through one router do not see each other's parameters.
func TestConcurrentRequests(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	router := routing.URLRouter(routing.Path("<str:s>/", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-release
		w.Write([]byte(routing.Params(r.Context()).Get("s")))
	})))
	var wg sync.WaitGroup
	names := []string{"a", "b", "c", "d"}
	for _, name := range names {
		wg.Go(func() {
			w := httptest.NewRecorder()
			router.ServeHTTP(w, httptest.NewRequest("GET", "/"+name+"/", nil))
			if got := w.Body.String(); got != name {
				t.Errorf("request %s got %q", name, got)
			}
		})
	}
	for range names {
		<-arrived
	}
	close(release)
	wg.Wait()
}

func TestUUID(t *testing.T) {
	u := mustUUID(someID)
	if got := [16]byte(u); got != [16]byte{0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef} {
		t.Errorf("bytes % x", got)
	}
	if got := u.String(); got != someID {
		t.Errorf("String = %s, want %s", got, someID)
	}
	for _, text := range []string{"", someID[1:], someID + "0", "0123456789abcdef0123456789abcdef",
		"g1234567-89ab-cdef-0123-456789abcdef", "01234567-89AB-CDEF-0123-456789ABCDEF", "{" + someID[1:35] + "}"} {
		var got routing.UUID
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was read as %v", text, got)
		}
	}
}
