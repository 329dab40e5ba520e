package channels

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sluicehq/sluice/channels/internal/handshake"
)

// DialOptions are what [Dial] may be told. The zero value, and nil, are ready.
type DialOptions struct {
	// Header is sent with the handshake. It cannot set what the handshake itself
	// needs. An "Origin" in it is sent in place of the default one; with no value
	// none is sent.
	Header http.Header

	// Origin is the origin to send. Default: that of the server dialled, as its own
	// pages have it.
	Origin string

	// Jar has the cookies to send, and gets those that the server sets.
	Jar http.CookieJar

	// Subprotocols are offered, in this order of preference.
	Subprotocols []string

	// TLSConfig is used for wss URLs and for https proxies; its ServerName is that of
	// the server, not the proxy.
	TLSConfig *tls.Config

	// NetDial connects to "host:port", of the server or of its proxy. Default:
	// [net.Dialer.DialContext].
	NetDial func(ctx context.Context, network, addr string) (net.Conn, error)

	// Proxy returns the proxy for a request, or nil for none: its URL's scheme is
	// http, https or socks5. Default [http.ProxyFromEnvironment], or none when
	// NetDial is set.
	Proxy func(*http.Request) (*url.URL, error)

	// FollowRedirects is how many redirects are followed. Default: none. To another
	// host or port go neither Header nor a client certificate, nor Jar's cookies for
	// the first. One from wss to ws is never followed.
	FollowRedirects int

	// Timeout is how long the whole of Dial may take. Default 30 s; negative
	// means no limit.
	Timeout time.Duration

	// As in [Upgrader].
	Compression                              Compression
	Limits                                   Limits
	WriteTimeout, CloseTimeout, PingInterval time.Duration
}

const defaultDialTimeout = 30 * time.Second

// Dial opens a WebSocket connection to a ws or wss URL (RFC 6455, Section 4.1).
// When the server answered but not as it should, the response is returned with the
// error, and up to 4 KiB of its body can be read. Ctx bounds Dial only. That one
// connection at a time is opened to an address, as the RFC wants of browsers, is left
// to the caller.
func Dial(ctx context.Context, rawURL string, opts *DialOptions) (*Conn, *http.Response, error) {
	if opts == nil {
		opts = new(DialOptions)
	}
	if d := orDefault(opts.Timeout, defaultDialTimeout); d > 0 {
		timed, cancel := context.WithTimeout(ctx, d)
		defer cancel()
		ctx = timed
	}
	c, resp, err := dial(ctx, rawURL, opts)
	if err != nil {
		return nil, resp, fmt.Errorf("websocket: dial: %w", err)
	}
	return c, resp, nil
}

func dial(ctx context.Context, rawURL string, opts *DialOptions) (*Conn, *http.Response, error) {
	u, err := parseTarget(rawURL)
	if err != nil {
		return nil, nil, err
	}
	if err := opts.Compression.validate(); err != nil {
		return nil, nil, err
	}
	d := dialer{opts: opts, header: opts.Header, tls: opts.TLSConfig}
	for redirects := 0; ; redirects++ {
		c, resp, err := d.try(ctx, u)
		if err == nil {
			return c, resp, nil
		}
		if resp == nil || redirects >= opts.FollowRedirects || !isRedirect(resp.StatusCode) {
			return nil, resp, err
		}
		next, err := d.redirect(u, resp)
		if err != nil {
			return nil, resp, err
		}
		u = next
	}
}

// parseTarget parses a ws or wss URL (RFC 6455, Section 3).
func parseTarget(rawURL string) (*url.URL, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, errors.New("malformed URL") // its text could have a token in it
	}
	switch {
	case u.Scheme != "ws" && u.Scheme != "wss":
		return nil, fmt.Errorf("the scheme %q is neither ws nor wss", u.Scheme)
	case u.Host == "" || u.Hostname() == "":
		return nil, errors.New("the URL has no host")
	case strings.Contains(rawURL, "#"): // also an empty one
		return nil, errors.New("a WebSocket URL has no fragment")
	}
	return u, nil
}

// A dialer tries one URL after another.
type dialer struct {
	opts   *DialOptions
	header http.Header
	tls    *tls.Config
}

func httpScheme(scheme string) string {
	if scheme == "wss" {
		return "https"
	}
	return "http"
}

// address returns u's "host:port".
func address(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = "80"
		if u.Scheme == "wss" {
			port = "443"
		}
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// try makes one handshake.
func (d *dialer) try(ctx context.Context, u *url.URL) (*Conn, *http.Response, error) {
	req, key, err := d.request(ctx, u)
	if err != nil {
		return nil, nil, err
	}
	nc, err := d.connect(ctx, u, req)
	if err != nil {
		return nil, nil, because(ctx, err)
	}
	stop := context.AfterFunc(ctx, func() { nc.SetDeadline(past) })
	c, resp, err := d.handshake(nc, req, key)
	if !stop() && err == nil {
		// The deadline may be about to be set.
		c.CloseNow()
		return nil, nil, context.Cause(ctx)
	}
	if err != nil {
		nc.Close()
		if resp == nil {
			err = because(ctx, err)
		}
		return nil, resp, err
	}
	return c, resp, nil
}

// because returns why ctx is over, if it is: a deadline in the past, which ends what
// waits then, says nothing to the caller.
func because(ctx context.Context, err error) error {
	// What waited with the same deadline may have ended a moment earlier.
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		<-ctx.Done()
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
		return cause
	}
	return err
}

// request builds the opening handshake (RFC 6455, Section 4.1).
func (d *dialer) request(ctx context.Context, u *url.URL) (*http.Request, string, error) {
	target := *u
	target.Scheme = httpScheme(u.Scheme)
	target.User = nil
	req := (&http.Request{
		Method: http.MethodGet, URL: &target, Host: u.Host,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: make(http.Header),
	}).WithContext(ctx)
	for name, values := range d.header {
		req.Header[http.CanonicalHeaderKey(name)] = slices.Clone(values)
	}
	if host := req.Header.Get("Host"); host != "" {
		req.Host = host
		req.Header.Del("Host")
	}
	d.setOrigin(req.Header, u)
	if u.User != nil {
		password, _ := u.User.Password()
		req.SetBasicAuth(u.User.Username(), password)
	}
	if d.opts.Jar != nil {
		for _, c := range d.opts.Jar.Cookies(&target) {
			req.AddCookie(c)
		}
	}
	key, err := d.setUpgrade(req.Header)
	return req, key, err
}

// setOrigin sets the origin, unless the header has one, or says that there is none.
func (d *dialer) setOrigin(header http.Header, u *url.URL) {
	if _, ok := header["Origin"]; ok {
		return
	}
	origin := d.opts.Origin
	if origin == "" {
		origin = handshake.FromURL(u)
	}
	if origin != "" { // a host that is no browser's has none
		header.Set("Origin", origin)
	}
}

// setUpgrade sets what makes the request an opening handshake, and returns its key.
func (d *dialer) setUpgrade(header http.Header) (key string, err error) {
	key = handshake.NewKey()
	header["Upgrade"] = websocketToken
	header["Connection"] = upgradeToken
	header["Sec-Websocket-Version"] = []string{"13"}
	header["Sec-Websocket-Key"] = []string{key}
	delete(header, "Sec-Websocket-Protocol")
	delete(header, "Sec-Websocket-Extensions")
	for i, s := range d.opts.Subprotocols {
		if !handshake.IsToken(s) || slices.Contains(d.opts.Subprotocols[:i], s) {
			return "", errors.New("the subprotocols are not distinct tokens")
		}
	}
	if len(d.opts.Subprotocols) > 0 {
		header["Sec-Websocket-Protocol"] = []string{strings.Join(d.opts.Subprotocols, ", ")}
	}
	if offer := d.opts.Compression.offer(); offer != "" {
		header["Sec-Websocket-Extensions"] = []string{offer}
	}
	return key, nil
}

// handshake sends the request and checks the answer.
func (d *dialer) handshake(nc net.Conn, req *http.Request, key string) (*Conn, *http.Response, error) {
	if err := req.Write(nc); err != nil {
		return nil, nil, err
	}
	resp, br, err := readResponse(nc, req)
	if err != nil {
		return nil, nil, err
	}
	if d.opts.Jar != nil {
		if cookies := resp.Cookies(); len(cookies) > 0 {
			d.opts.Jar.SetCookies(req.URL, cookies)
		}
	}
	agreed, err := d.checkResponse(resp, key)
	if err != nil {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, maxResponseBody))
		resp.Body = io.NopCloser(bytes.NewReader(body))
		return nil, resp, err
	}
	rest, _ := br.Peek(br.Buffered())
	o := d.opts
	set := newSettings(o.Limits, o.WriteTimeout, o.CloseTimeout, o.PingInterval)
	c := newConn(context.Background(), nil, nc, true, set, rest)
	if protocol := resp.Header.Get("Sec-Websocket-Protocol"); protocol != "" {
		c.subprotocol = &protocol
	}
	c.flate = agreed
	resp.Body = http.NoBody
	return c, resp, nil
}
