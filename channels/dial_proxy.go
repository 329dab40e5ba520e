package channels

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"

	"golang.org/x/net/proxy"
)

// connect opens the connection to u: through its proxy if there is one, and with
// TLS for wss.
func (d *dialer) connect(ctx context.Context, u *url.URL, req *http.Request) (net.Conn, error) {
	through, err := d.proxyFor(req)
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	var nc net.Conn
	if through == nil {
		nc, err = d.netDial(ctx, "tcp", address(u))
	} else if nc, err = d.connectThrough(ctx, through, address(u)); err != nil {
		err = fmt.Errorf("proxy: %w", because(ctx, err))
	}
	if err != nil {
		return nil, err
	}
	if u.Scheme != "wss" {
		return nc, nil
	}
	return startTLS(ctx, nc, d.tls, u.Hostname())
}

func (d *dialer) proxyFor(req *http.Request) (*url.URL, error) {
	switch {
	case d.opts.Proxy != nil:
		return d.opts.Proxy(req)
	case d.opts.NetDial != nil:
		return nil, nil
	}
	return http.ProxyFromEnvironment(req)
}

func (d *dialer) connectThrough(ctx context.Context, through *url.URL, addr string) (net.Conn, error) {
	switch through.Scheme {
	case "http", "https":
		return d.connectHTTP(ctx, through, addr)
	case "socks5", "socks5h":
		return d.connectSOCKS(ctx, through, addr)
	}
	return nil, fmt.Errorf("the scheme %q is none of http, https and socks5", through.Scheme)
}

func (d *dialer) netDial(ctx context.Context, network, addr string) (net.Conn, error) {
	if d.opts.NetDial != nil {
		return d.opts.NetDial(ctx, network, addr)
	}
	return new(net.Dialer).DialContext(ctx, network, addr)
}

// startTLS makes a TLS client of nc, and closes nc when that fails.
func startTLS(ctx context.Context, nc net.Conn, cfg *tls.Config, host string) (net.Conn, error) {
	cfg = cfg.Clone()
	if cfg == nil {
		cfg = new(tls.Config)
	}
	if cfg.ServerName == "" {
		cfg.ServerName = host
	}
	cfg.NextProtos = []string{"http/1.1"} // the handshake below is HTTP/1.1's
	tc := tls.Client(nc, cfg)
	if err := tc.HandshakeContext(ctx); err != nil {
		nc.Close()
		return nil, err
	}
	return tc, nil
}

// connectHTTP has an HTTP proxy open a tunnel (RFC 9110, Section 9.3.6).
func (d *dialer) connectHTTP(ctx context.Context, through *url.URL, addr string) (net.Conn, error) {
	port := through.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[through.Scheme]
	}
	nc, err := d.netDial(ctx, "tcp", net.JoinHostPort(through.Hostname(), port))
	if err != nil {
		return nil, err
	}
	if through.Scheme == "https" {
		cfg := d.tls.Clone()
		if cfg != nil {
			cfg.ServerName = "" // the server's
		}
		if nc, err = startTLS(ctx, nc, cfg, through.Hostname()); err != nil {
			return nil, err
		}
	}
	stop := context.AfterFunc(ctx, func() { nc.SetDeadline(past) })
	err = tunnel(nc, through.User, addr)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		nc.Close()
		return nil, err
	}
	return nc, nil
}

func tunnel(nc net.Conn, user *url.Userinfo, addr string) error {
	req := &http.Request{
		Method: http.MethodConnect, URL: &url.URL{Opaque: addr}, Host: addr,
		Header: make(http.Header),
	}
	if user != nil {
		password, _ := user.Password()
		credentials := base64.StdEncoding.EncodeToString([]byte(user.Username() + ":" + password))
		req.Header.Set("Proxy-Authorization", "Basic "+credentials)
	}
	if err := req.Write(nc); err != nil {
		return err
	}
	resp, br, err := readResponse(nc, req)
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("answered %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	}
	if br.Buffered() > 0 {
		return errors.New("sent data before the tunnel was used")
	}
	return nil
}

// connectSOCKS has a SOCKS5 proxy open the connection (RFC 1928).
func (d *dialer) connectSOCKS(ctx context.Context, through *url.URL, addr string) (net.Conn, error) {
	var auth *proxy.Auth
	if through.User != nil {
		auth = &proxy.Auth{User: through.User.Username()}
		auth.Password, _ = through.User.Password()
	}
	host := through.Host
	if through.Port() == "" {
		host = net.JoinHostPort(through.Hostname(), "1080")
	}
	s, err := proxy.SOCKS5("tcp", host, auth, forward(d.netDial))
	if err != nil {
		return nil, err
	}
	return s.(proxy.ContextDialer).DialContext(ctx, "tcp", addr)
}

// forward is a dial function as the interfaces that package proxy wants.
type forward func(ctx context.Context, network, addr string) (net.Conn, error)

func (f forward) Dial(network, addr string) (net.Conn, error) {
	return f(context.Background(), network, addr)
}

func (f forward) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	return f(ctx, network, addr)
}
