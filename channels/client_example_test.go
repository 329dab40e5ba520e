package channels_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"

	"github.com/sluicehq/sluice/channels"
)

// Behind a proxy at 10.0.0.1, the client is the last one that the proxy names.
func ExampleServer_ClientAddr() {
	srv := &channels.Server{}
	srv.Upgrader.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.1/32")}
	page := channels.WithScope(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println(srv.ClientAddr(r.Context()))
	}))
	for _, peer := range []string{"10.0.0.1:1234", "192.0.2.7:1234"} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = peer
		r.Header.Set("X-Forwarded-For", "203.0.113.9, 198.51.100.4")
		page.ServeHTTP(httptest.NewRecorder(), r)
	}
	// Output:
	// 198.51.100.4
	// 192.0.2.7
}
