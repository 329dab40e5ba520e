package routing_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/sluicehq/sluice/channels/routing"
)

// get sends a request to h and prints what it answers.
func get(h http.Handler, path string, header ...string) {
	r := httptest.NewRequest("GET", path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Body)
}

func say(text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) })
}

func ExampleProtocolTypeRouter() {
	app := routing.ProtocolTypeRouter{
		"http":      say("a page"),
		"websocket": routing.URLRouter(routing.RePath(`^front(end)/$`, say("a socket"))), // srv.Handler(…)
	}
	get(app, "/frontend/")
	get(app, "/frontend/", "Connection", "Upgrade", "Upgrade", "websocket")
	// Output:
	// 200 a page
	// 200 a socket
}

func ExampleURLRouter() {
	room := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := routing.Params(r.Context())
		page, _ := p.Int("page")
		fmt.Fprintf(w, "room %s, page %d", p.Get("room"), page)
	})
	router := routing.URLRouter(
		routing.Path("room/<slug:room>/", room, routing.Defaults{"page": 1}),
		routing.Path("room/<slug:room>/page/<int:page>/", room),
	)
	get(router, "/room/lobby/")
	get(router, "/room/lobby/page/3/")
	get(http.StripPrefix("/chat", router), "/chat/room/attic/")
	// Output:
	// 200 room lobby, page 1
	// 200 room lobby, page 3
	// 200 room attic, page 1
}

func ExampleURLRouter_nested() {
	show := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := routing.Params(r.Context())
		fmt.Fprint(w, p.Args(), " by way of ", p.Pattern())
	})
	tests := routing.URLRouter(routing.RePath(`^test/(\d+)/$`, show))
	router := routing.URLRouter(
		routing.RePath(`^universe/(\w+)/`, tests),
		routing.Path("universe/42/answer/", say("the outer router went on")),
	)
	get(router, "/universe/milky/test/3/")
	get(router, "/universe/42/answer/")
	// Output:
	// 200 [milky 3] by way of universe/(\w+)/test/(\d+)/
	// 200 the outer router went on
}

func ExamplePath() {
	get(routing.URLRouter(
		routing.Path("", say("root")),
		routing.Path("user/<int:id>/", say("by number")),
		routing.Path("user/<slug:name>/", say("by name")),
		routing.Path("files/<path:file>", say("a file")),
	), "/user/ada/")
	// Output:
	// 200 by name
}

func ExampleRePath() {
	date := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "year %s, month %q", r.PathValue("year"), r.PathValue("month"))
	})
	router := routing.URLRouter(routing.RePath(`^(?P<year>\d{4})(?:-(?P<month>\d\d))?$`, date, routing.Defaults{"month": "all"}))
	get(router, "/2026-11")
	get(router, "/2026")
	// Output:
	// 200 year 2026, month "11"
	// 200 year 2026, month "all"
}

func ExamplePrefix() {
	// Any middleware, auth.Stack for one.
	staffOnly := func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") == "" {
				http.Error(w, "staff only", http.StatusUnauthorized)
				return
			}
			h.ServeHTTP(w, r)
		})
	}
	router := routing.URLRouter(
		routing.Prefix("staff/", staffOnly(routing.URLRouter(
			routing.Path("report/", say("the report")),
		))),
		routing.Path("<path:page>", say("the public site")),
	)
	get(router, "/staff/report/", "Authorization", "Bearer …")
	get(router, "/staff/", "Authorization", "Bearer …")
	get(router, "/about/")
	// Output:
	// 200 the report
	// 200 the public site
	// 200 the public site
}

func ExampleParams() {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := routing.Params(r.Context()) // in a consumer: routing.Params(ctx)
		id, ok := p.UUID("id")
		version, _ := p.Int("version")
		fmt.Fprint(w, id, ok, version, p.Named())
	})
	router := routing.URLRouter(routing.Path("doc/<uuid:id>/v<int:version>", handler))
	get(router, "/doc/01234567-89ab-cdef-0123-456789abcdef/v2")
	// Output:
	// 200 01234567-89ab-cdef-0123-456789abcdef true 2 map[id:01234567-89ab-cdef-0123-456789abcdef version:2]
}

func ExampleDefaults() {
	list := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		archived, _ := routing.Params(r.Context()).Lookup("archived")
		fmt.Fprint(w, "archived: ", archived.(bool))
	})
	router := routing.URLRouter(
		routing.Path("rooms/", list, routing.Defaults{"archived": false}),
		routing.Path("rooms/archive/", list, routing.Defaults{"archived": true}),
	)
	get(router, "/rooms/archive/")
	// Output:
	// 200 archived: true
}

func ExampleValues_Named() {
	greet := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		json.NewEncoder(w).Encode(map[string]any{"kwargs": routing.Params(r.Context()).Named()})
	})
	get(routing.URLRouter(routing.Path("<str:room>/<int:seat>/", greet)), "/lobby/7/")
	// Output:
	// 200 {"kwargs":{"room":"lobby","seat":7}}
}

func ExampleUUID() {
	type UUID [16]byte // of another package
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := routing.Params(r.Context()).UUID("id")
		fmt.Fprintf(w, "%x", UUID(id))
	})
	get(routing.URLRouter(routing.Path("<uuid:id>", handler)), "/01234567-89ab-cdef-0123-456789abcdef")
	// Output:
	// 200 0123456789abcdef0123456789abcdef
}
