package routing_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/routing"
)

// request returns a request with header fields given as name, value, name, value.
func request(method string, header ...string) *http.Request {
	r := httptest.NewRequest(method, "/", nil)
	for i := 0; i < len(header); i += 2 {
		r.Header[header[i]] = append(r.Header[header[i]], header[i+1])
	}
	if r.Header[":protocol"] != nil {
		r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/2.0", 2, 0
	}
	return r
}

func named(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scope, ok := channels.ScopeFrom(r.Context())
		fmt.Fprintf(w, "%s %v %s", name, ok, scope.Protocol())
	})
}

// R1, R2: a handler for each protocol.
func TestProtocolTypeRouter(t *testing.T) {
	both := routing.ProtocolTypeRouter{"http": named("h"), "websocket": named("ws")}
	for _, tc := range []struct {
		name   string
		router routing.ProtocolTypeRouter
		r      *http.Request
		status int
		body   string
	}{
		{"plain", both, request("GET"), 200, "h true http"},
		{"RFC 6455", both, request("GET", "Connection", "Upgrade", "Upgrade", "websocket"), 200, "ws true websocket"},
		{"RFC 6455 in a list", both, request("GET", "Connection", "keep-alive, upgrade", "Upgrade", "h2c, WebSocket"), 200, "ws true websocket"},
		{"RFC 8441", both, request("CONNECT", ":protocol", "websocket"), 200, "ws true websocket"},
		{"another upgrade", both, request("GET", "Connection", "Upgrade", "Upgrade", "h2c"), 200, "h true http"},
		{"another CONNECT", both, request("CONNECT", ":protocol", "connect-udp"), 200, "h true http"},
		{"no http", routing.ProtocolTypeRouter{"websocket": named("ws")}, request("GET"), 404, "404 page not found\n"},
		{"no websocket", routing.ProtocolTypeRouter{"http": named("h")},
			request("GET", "Connection", "Upgrade", "Upgrade", "websocket"), 404, "404 page not found\n"},
		{"empty", routing.ProtocolTypeRouter{}, request("GET"), 404, "404 page not found\n"},
		{"nil", nil, request("GET"), 404, "404 page not found\n"},
		{"nested", routing.ProtocolTypeRouter{"http": both}, request("GET"), 200, "h true http"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			tc.router.ServeHTTP(w, tc.r)
			if w.Code != tc.status || w.Body.String() != tc.body {
				t.Errorf("got %d %q, want %d %q", w.Code, w.Body, tc.status, tc.body)
			}
		})
	}
}

// The scope decides, and it was made by the outermost wrapper: what a wrapper in
// between does to the header changes nothing.
func TestProtocolIsTheScopes(t *testing.T) {
	router := routing.ProtocolTypeRouter{"http": named("h"), "websocket": named("ws")}
	_, r := channels.EnsureScope(request("GET", "Connection", "Upgrade", "Upgrade", "websocket"))
	r.Header.Del("Upgrade")
	w := httptest.NewRecorder()
	router.ServeHTTP(w, r)
	if got, want := w.Body.String(), "ws true websocket"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestProtocolTypeRouterMistakes(t *testing.T) {
	for _, tc := range []struct {
		name   string
		router routing.ProtocolTypeRouter
		want   []string
	}{
		{"unknown key", routing.ProtocolTypeRouter{"http": named("h"), "ws": named("ws")},
			[]string{`unknown key "ws"`, `"websocket"`}},
		{"upper case", routing.ProtocolTypeRouter{"WebSocket": named("ws")}, []string{`unknown key "WebSocket"`}},
		{"another protocol", routing.ProtocolTypeRouter{"chat": named("chat")}, []string{`unknown key "chat"`, "Server.Serve"}},
		{"nil handler", routing.ProtocolTypeRouter{"http": nil}, []string{`the handler of "http" is nil`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := panicOf(func() { tc.router.ServeHTTP(httptest.NewRecorder(), request("GET")) })
			for _, want := range tc.want {
				if !strings.Contains(got, want) {
					t.Errorf("panic %q does not have %q", got, want)
				}
			}
		})
	}
}

// panicOf returns what f panics with, "" if it does not.
func panicOf(f func()) (message string) {
	defer func() {
		if p := recover(); p != nil {
			message = fmt.Sprint(p)
		}
	}()
	f()
	return ""
}
