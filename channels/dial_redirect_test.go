package channels_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/channels"
)

// jar returns a jar with a cookie of a site's.
func jar(t *testing.T, site, cookie string) http.CookieJar {
	t.Helper()
	j, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	addCookie(t, j, site, cookie)
	return j
}

func addCookie(t *testing.T, j http.CookieJar, site, line string) {
	t.Helper()
	u, err := url.Parse(site)
	if err != nil {
		t.Fatal(err)
	}
	c, err := http.ParseSetCookie(line)
	if err != nil {
		t.Fatal(err)
	}
	j.SetCookies(u, []*http.Cookie{c})
}

// The jar gets what the server sets, also with a refusal, and the next handshake
// has it.
func TestDialJar(t *testing.T) {
	j := jar(t, "http://server/", "first=1")
	addCookie(t, j, "https://server/", "locked=1; Secure")
	for _, tt := range []struct{ raw, want string }{
		{"HTTP/1.1 401 Unauthorized\r\nSet-Cookie: refused=1\r\nContent-Length: 0\r\n\r\n", "first=1"},
		{edit("Upgrade\r\n", "Upgrade\r\nSet-Cookie: open=1; HttpOnly\r\nSet-Cookie: first=; Max-Age=0\r\n"), "first=1; refused=1"},
		{accepting, "refused=1; open=1"},
	} {
		var got string
		peer := answering(func(r *http.Request) string {
			got = r.Header.Get("Cookie")
			return tt.raw
		})
		world{"server:80": peer}.dial(t, "ws://server/", channels.DialOptions{Jar: j})
		if got != tt.want {
			t.Errorf("sent %q, want %q", got, tt.want)
		}
	}
}

// A redirect is followed when that was asked for, and takes nothing secret to another
// host.
func TestDialRedirect(t *testing.T) {
	to := func(status int, location string) string {
		return fmt.Sprintf("HTTP/1.1 %d Moved\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n", status, location)
	}
	// What goes to a, the first host, and to b.
	const a, b = "http://a.example|Bearer secret|k|h=1; a=1", "http://b.example|||b=1"
	tests := []struct {
		name   string
		follow int
		hosts  map[string]string // what "host/path" answers
		want   []string          // the requests: where, with which origin and credentials
		err    string
	}{
		{"not told to", 0, map[string]string{"a.example/": to(302, "/x")}, []string{"a.example/ " + a}, "the server answered 302 Found"},
		{"told not to", -1, map[string]string{"a.example/": to(302, "/x")}, []string{"a.example/ " + a}, "the server answered 302 Found"},
		{"within a host", 1, map[string]string{"a.example/": to(301, "/x?y"), "a.example/x?y": accepting},
			[]string{"a.example/ " + a, "a.example/x?y " + a}, ""},
		{"as a ws URL", 1, map[string]string{"a.example/": to(308, "ws://a.example:80/x"), "a.example:80/x": accepting},
			[]string{"a.example/ " + a, "a.example:80/x " + a}, ""},
		{"as an http URL", 1, map[string]string{"a.example/": to(307, "http://a.example/x"), "a.example/x": accepting},
			[]string{"a.example/ " + a, "a.example/x " + a}, ""},
		{"to another host", 1, map[string]string{"a.example/": to(302, "ws://b.example/x"), "b.example/x": accepting},
			[]string{"a.example/ " + a, "b.example/x " + b}, ""},
		{"to another host without a scheme", 1, map[string]string{"a.example/": to(303, "//b.example"), "b.example/": accepting},
			[]string{"a.example/ " + a, "b.example/ " + b}, ""},
		{"to another port", 1, map[string]string{"a.example/": to(302, "ws://a.example:81/"), "a.example:81/": accepting},
			[]string{"a.example/ " + a, "a.example:81/ http://a.example:81|||a=1"}, ""},
		{"to another host and back", 2, map[string]string{"a.example/": to(302, "ws://b.example/"), "b.example/": to(302, "ws://a.example/x"), "a.example/x": accepting},
			[]string{"a.example/ " + a, "b.example/ " + b, "a.example/x http://a.example|||a=1"}, ""},
		{"three times, told twice", 2, map[string]string{"a.example/": to(302, "/")},
			[]string{"a.example/ " + a, "a.example/ " + a, "a.example/ " + a}, "the server answered 302 Found"},
		{"what is no redirect", 5, map[string]string{"a.example/": to(300, "/x")}, []string{"a.example/ " + a}, "the server answered 300"},
		{"nowhere", 5, map[string]string{"a.example/": to(302, "")}, []string{"a.example/ " + a}, "malformed redirect"},
		{"to no URL", 5, map[string]string{"a.example/": to(302, "ws://b.example:secret/")}, []string{"a.example/ " + a}, "malformed redirect"},
		{"to another scheme", 5, map[string]string{"a.example/": to(302, "ftp://b.example/?secret")}, []string{"a.example/ " + a}, `the scheme "ftp" is neither ws nor wss`},
		{"to a fragment", 5, map[string]string{"a.example/": to(302, "/#secret")}, []string{"a.example/ " + a}, "no fragment"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			peer := answering(func(r *http.Request) string {
				where := r.Host + r.RequestURI
				got = append(got, fmt.Sprintf("%s %s|%s|%s|%s", where,
					r.Header.Get("Origin"), r.Header.Get("Authorization"), r.Header.Get("X-Api-Key"), r.Header.Get("Cookie")))
				return tt.hosts[where]
			})
			cookies := jar(t, "http://a.example/", "a=1")
			addCookie(t, cookies, "http://b.example/", "b=1")
			c, resp, err := world{"a.example:80": peer, "a.example:81": peer, "b.example:80": peer}.dial(t, "ws://a.example/", channels.DialOptions{
				FollowRedirects: tt.follow, Jar: cookies,
				Header: http.Header{"Authorization": {"Bearer secret"}, "X-Api-Key": {"k"}, "Cookie": {"h=1"}},
			})
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
			switch {
			case tt.err == "" && (err != nil || c == nil || resp.StatusCode != 101):
				t.Errorf("%v, %v", resp, err)
			case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err) || resp == nil || resp.StatusCode/100 != 3):
				t.Errorf("%v, %v; want an error with %q", resp, err, tt.err)
			}
			checkNoSecret(t, err)
		})
	}
}

// lender has a certificate for example.com and *.example.com, and who trusts it.
func lender(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return s.TLS.Certificates[0], pool
}

// overTLS plays a server that a peer is behind. Seen is told of the client's part of
// the handshake.
func overTLS(cert tls.Certificate, seen func(tls.ConnectionState), peer func(net.Conn)) func(net.Conn) {
	return func(nc net.Conn) {
		tc := tls.Server(nc, &tls.Config{
			Certificates: []tls.Certificate{cert},
			ClientAuth:   tls.RequestClientCert,
			NextProtos:   []string{"h2", "http/1.1"},
		})
		if tc.Handshake() != nil {
			return
		}
		if seen != nil {
			seen(tc.ConnectionState())
		}
		peer(tc)
		tc.Close()
	}
}

func TestDialTLS(t *testing.T) {
	cert, pool := lender(t)
	ours := tls.Config{RootCAs: pool, Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2"}, ServerName: "example.com"}
	to := func(location string) string {
		return "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + location + "\r\n\r\n"
	}
	tests := []struct {
		name   string
		config *tls.Config
		answer string
		want   []string // the handshakes: which name and protocol, and whether there was a certificate
		err    string
	}{
		{"nobody is trusted", nil, accepting, nil, "certificate"},
		{"another name", &tls.Config{RootCAs: pool, ServerName: "other.test"}, accepting, nil, "other.test"},
		{"the URL's name", &tls.Config{RootCAs: pool}, accepting, []string{"a.example.com http/1.1 false"}, ""},
		{"a certificate, a name and protocols", &ours, accepting, []string{"example.com http/1.1 true"}, ""},
		{"no certificate to another host", &ours, to("//b.example.com"), []string{"example.com http/1.1 true", "b.example.com http/1.1 false"}, ""},
		{"within the host", &ours, to("/x"), []string{"example.com http/1.1 true", "example.com http/1.1 true"}, "302"},
		{"never to ws", &ours, to("ws://b.example.com/"), []string{"example.com http/1.1 true"}, "redirect from wss to ws"},
		{"never to http", &ours, to("http://a.example.com/"), []string{"example.com http/1.1 true"}, "redirect from wss to ws"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			seen := func(cs tls.ConnectionState) {
				got = append(got, fmt.Sprint(cs.ServerName, " ", cs.NegotiatedProtocol, " ", len(cs.PeerCertificates) > 0))
			}
			w := world{
				"a.example.com:443": overTLS(cert, seen, answers(tt.answer)),
				"b.example.com:443": overTLS(cert, seen, answers(accepting)),
				"b.example.com:80":  answers(accepting),
				"a.example.com:80":  answers(accepting),
			}
			_, _, err := w.dial(t, "wss://a.example.com/", channels.DialOptions{TLSConfig: tt.config, FollowRedirects: 1})
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("handshakes (-want +got):\n%s", diff)
			}
		})
	}
	if ours.ServerName != "example.com" || len(ours.Certificates) != 1 || ours.NextProtos[0] != "h2" {
		t.Errorf("Dial changed the TLSConfig: %q, %d certificates, %q", ours.ServerName, len(ours.Certificates), ours.NextProtos)
	}
}

// Over a real network, with a server that would rather speak HTTP/2.
func TestDialHTTPTest(t *testing.T) {
	s := httptest.NewUnstartedServer(quiet().HandlerFunc(echo))
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	config := s.Client().Transport.(*http.Transport).TLSClientConfig
	c, _, err := channels.Dial(t.Context(), strings.Replace(s.URL, "https", "wss", 1), &channels.DialOptions{TLSConfig: config})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(channels.StatusNormalClosure, "")
	if err := c.Write(t.Context(), channels.Text("hello")); err != nil {
		t.Fatal(err)
	}
	if m, err := c.Read(t.Context()); err != nil || string(m.Data) != "hello" {
		t.Errorf("%v, %v", m, err)
	}
	_, _, err = channels.Dial(t.Context(), strings.Replace(s.URL, "https", "wss", 1), nil)
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); !ok {
		t.Errorf("with no TLSConfig: %v, want a certificate that is not trusted", err)
	}
}
