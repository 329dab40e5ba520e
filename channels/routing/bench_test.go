package routing_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/routing"
)

// hundredRoutes are 50 literal paths and 50 with a parameter each, as a chat
// application might have them.
func hundredRoutes(h http.Handler) []routing.Route {
	var routes []routing.Route
	for i := range 25 {
		routes = append(routes,
			routing.Path(fmt.Sprintf("ws/topic%d/", i), h),
			routing.Path(fmt.Sprintf("ws/room%d/<str:name>/", i), h),
			routing.RePath(fmt.Sprintf(`^ws/list%d/$`, i), h),
			routing.RePath(fmt.Sprintf(`^ws/feed%d/(?P<id>\d+)/$`, i), h),
		)
	}
	return routes
}

func BenchmarkURLRouter(b *testing.B) {
	router := routing.URLRouter(hundredRoutes(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))...)
	for _, bc := range []struct{ name, path string }{
		{"first literal", "/ws/topic0/"},
		{"last literal", "/ws/topic24/"},
		{"last Path", "/ws/room24/lobby/"},
		{"last RePath", "/ws/feed24/1234/"},
	} {
		b.Run(bc.name, func(b *testing.B) {
			b.ReportAllocs()
			// The scope is made by the outermost wrapper, once for all of them.
			_, fresh := channels.EnsureScope(httptest.NewRequest("GET", bc.path, nil))
			w := httptest.NewRecorder()
			r := new(http.Request)
			for b.Loop() {
				*r = *fresh // without the path values of the round before
				router.ServeHTTP(w, r)
			}
			if w.Code != http.StatusOK {
				b.Fatalf("status %d", w.Code)
			}
		})
	}
}

// BenchmarkServeMux is what net/http does with the same 100 paths.
func BenchmarkServeMux(b *testing.B) {
	mux := http.NewServeMux()
	h := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	for i := range 25 {
		mux.Handle(fmt.Sprintf("/ws/topic%d/{$}", i), h)
		mux.Handle(fmt.Sprintf("/ws/room%d/{name}/{$}", i), h)
		mux.Handle(fmt.Sprintf("/ws/list%d/{$}", i), h)
		mux.Handle(fmt.Sprintf("/ws/feed%d/{id}/{$}", i), h)
	}
	b.ReportAllocs()
	fresh := httptest.NewRequest("GET", "/ws/room24/lobby/", nil)
	w := httptest.NewRecorder()
	r := new(http.Request)
	for b.Loop() {
		*r = *fresh
		mux.ServeHTTP(w, r)
	}
}
