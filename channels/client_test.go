package channels_test

import (
	"context"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/wstest"
)

// H45: on a socket too, whose request's headers are gone, the client is who a trusted
// proxy says, and nobody else.
func TestClientAddr(t *testing.T) {
	for trusted, want := range map[string]string{"127.0.0.0/8": "198.51.100.1", "10.0.0.0/8": "127.0.0.1", "": "127.0.0.1"} {
		server := quiet()
		if trusted != "" {
			server.Upgrader.TrustedProxies = []netip.Prefix{netip.MustParsePrefix(trusted)}
		}
		srv := wstest.NewServer(t, server.HandlerFunc(func(ctx context.Context, s *channels.Socket) error {
			return s.Send(ctx, channels.Text(server.ClientAddr(ctx)))
		}))
		c := srv.Dial("/", func(o *channels.DialOptions) {
			o.Header = map[string][]string{"X-Forwarded-For": {"203.0.113.9, 198.51.100.1"}}
		})
		c.Want(want)
	}
	if got := quiet().ClientAddr(t.Context()); got != "" {
		t.Errorf("of no connection: %q", got)
	}
}

func TestClientIP(t *testing.T) {
	u := &channels.Upgrader{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	r := httptest.NewRequest("GET", "/", nil)
	r.RemoteAddr = "10.0.0.1:1234"
	r.Header.Set("X-Forwarded-For", "203.0.113.9, ::ffff:198.51.100.1, 10.0.0.2")
	if got, ok := u.ClientIP(r); got.String() != "198.51.100.1" || !ok {
		t.Errorf("%v, %v", got, ok)
	}
	r.RemoteAddr = "@"
	if got, ok := u.ClientIP(r); ok {
		t.Errorf("over a Unix socket: %v", got)
	}
}
