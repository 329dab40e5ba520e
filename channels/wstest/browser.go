package wstest

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/sluicehq/sluice/channels"
)

// A Browser is a client of a [Server] with cookies of its own.
type Browser struct {
	// HTTP is the browser's HTTP client. It does not follow redirects.
	HTTP *http.Client

	// Jar has the browser's cookies.
	Jar http.CookieJar

	tb        testing.TB
	transport *http.Transport
	server    *Server

	mu   sync.Mutex // guards open
	open []*Client
	more []*Browser // of the server's own browser: all
}

// NewBrowser returns a browser without cookies.
func (s *Server) NewBrowser() *Browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.tb.Fatal(err)
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) { return s.listener.Dial(ctx) }
	b := &Browser{
		Jar: jar, tb: s.tb, server: s,
		// The connection is taken for one that TLS has been begun on.
		transport: &http.Transport{DialContext: dial, DialTLSContext: dial, DisableCompression: true},
	}
	b.HTTP = &http.Client{
		Transport:     b.transport,
		Jar:           jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if s.Browser != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.more = append(s.more, b)
	}
	return b
}

// Get requests path, which may have a query, and returns the response and its body. Redirects
// are not followed.
func (b *Browser) Get(path string) (*http.Response, string) {
	b.tb.Helper()
	return b.do(http.MethodGet, path, "", "")
}

// PostForm posts a form as a page of the site does, and returns the response and
// its body.
func (b *Browser) PostForm(path string, form url.Values) (*http.Response, string) {
	b.tb.Helper()
	return b.do(http.MethodPost, path, "application/x-www-form-urlencoded", form.Encode())
}

func (b *Browser) do(method, path, contentType, body string) (*http.Response, string) {
	b.tb.Helper()
	b.needPath(path)
	ctx, cancel := context.WithTimeout(context.Background(), Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, URL+path, strings.NewReader(body))
	if err != nil {
		b.tb.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
		req.Header.Set("Origin", URL)
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	resp, err := b.HTTP.Do(req)
	if err != nil {
		b.tb.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.tb.Fatalf("%s %s: read the body: %v", method, path, err)
	}
	return resp, string(text)
}

// needPath fails the test for what would reach another page than its writer means.
func (b *Browser) needPath(path string) {
	b.tb.Helper()
	if !strings.HasPrefix(path, "/") {
		b.tb.Fatalf("the path is %q: want one that begins with \"/\", without scheme and host", path)
	}
}

// Dial opens a WebSocket as a page of the site does: with the browser's cookies and
// its Origin. Each of change may change the options first.
func (b *Browser) Dial(path string, change ...func(*channels.DialOptions)) *Client {
	b.tb.Helper()
	b.needPath(path)
	conn, resp, err := b.dial(path, change)
	if err != nil {
		b.tb.Fatalf("dial %s: %v%s", path, err, answer(resp))
	}
	c := &Client{Conn: conn, tb: b.tb, path: path}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open = append(b.open, c)
	return c
}

// DialRefused tries to open a WebSocket, which the server is to refuse, and returns
// its response, of which up to 4 KiB of the body can be read.
func (b *Browser) DialRefused(path string, change ...func(*channels.DialOptions)) *http.Response {
	b.tb.Helper()
	b.needPath(path)
	conn, resp, err := b.dial(path, change)
	if err == nil {
		conn.CloseNow()
		b.tb.Fatalf("dial %s: the server accepted; it was to refuse", path)
	}
	if resp == nil {
		b.tb.Fatalf("dial %s: %v; the server was to answer and refuse", path, err)
	}
	return resp
}

func (b *Browser) dial(path string, change []func(*channels.DialOptions)) (*channels.Conn, *http.Response, error) {
	ctx, cancel := context.WithTimeout(context.Background(), Timeout)
	defer cancel()
	opts := &channels.DialOptions{
		Origin:  URL,
		Jar:     secureJar{b.Jar},
		NetDial: b.transport.DialContext,
	}
	for _, f := range change {
		f(opts)
	}
	return channels.Dial(ctx, "ws://localhost"+path, opts)
}

// A secureJar gives a handshake in memory the cookies of https://localhost.
type secureJar struct{ http.CookieJar }

func secure(u *url.URL) *url.URL {
	s := *u
	s.Scheme = "https"
	return &s
}

func (j secureJar) Cookies(u *url.URL) []*http.Cookie { return j.CookieJar.Cookies(secure(u)) }

func (j secureJar) SetCookies(u *url.URL, cookies []*http.Cookie) {
	j.CookieJar.SetCookies(secure(u), cookies)
}

// answer describes a response for a failure.
func answer(resp *http.Response) string {
	if resp == nil {
		return ""
	}
	body, _ := io.ReadAll(resp.Body)
	return "\n\tresponse: " + resp.Status + "\n\t" + strings.TrimSpace(string(body))
}

// closeBrowsers closes what the server's browsers have open.
func (s *Server) closeBrowsers() {
	s.mu.Lock()
	browsers := append([]*Browser{s.Browser}, s.more...)
	s.mu.Unlock()
	for _, b := range browsers {
		b.mu.Lock()
		open := b.open
		b.open = nil
		b.mu.Unlock()
		for _, c := range open {
			c.CloseNow()
		}
		b.transport.CloseIdleConnections()
	}
}
