package handshake

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"
)

// An Origin is a scheme, a host and a port (RFC 6454, Section 4), the port never
// empty: a default one is filled in.
type Origin struct{ Scheme, Host, Port string }

func (o Origin) String() string {
	host := o.Host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if o.Port == defaultPort(o.Scheme) {
		return o.Scheme + "://" + host
	}
	return o.Scheme + "://" + host + ":" + o.Port
}

func defaultPort(scheme string) string {
	switch scheme {
	case "http":
		return "80"
	case "https":
		return "443"
	}
	return ""
}

var errOrigin = errors.New("malformed origin")

// ParseOrigin parses s as a browser writes an origin that is a web site's (RFC
// 6454, Section 6.2): lower case, no path, no user, no trailing dot. "null" and
// other schemes than http and https are errors.
func ParseOrigin(s string) (Origin, error) {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok || defaultPort(scheme) == "" {
		return Origin{}, errOrigin
	}
	host, port, ok := SplitHost(rest)
	if !ok {
		return Origin{}, errOrigin
	}
	if port == "" {
		port = defaultPort(scheme)
	}
	return Origin{scheme, host, port}, nil
}

// HostOrigin returns the origin of what is served under scheme by a request's
// host, "host" or "host:port", whose letters may have any case.
func HostOrigin(scheme, hostport string) (Origin, error) {
	host, port, ok := SplitHost(strings.ToLower(hostport))
	if !ok {
		return Origin{}, errOrigin
	}
	if port == "" {
		port = defaultPort(scheme)
	}
	return Origin{scheme, host, port}, nil
}

// SplitHost splits a lower-case "host", "host:port" or "[v6]:port" and reports
// whether it is one: host a name without a trailing dot or an address.
func SplitHost(s string) (host, port string, ok bool) {
	host = s
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return "", "", false
		}
		host, port = s[1:end], s[end+1:]
		addr, err := netip.ParseAddr(host)
		if err != nil || !addr.Is6() || addr.Zone() != "" {
			return "", "", false
		}
	} else if i := strings.IndexByte(s, ':'); i >= 0 {
		host, port = s[:i], s[i:]
	}
	if port != "" {
		if port[0] != ':' || !isPort(port[1:]) {
			return "", "", false
		}
		port = port[1:]
	}
	if strings.HasPrefix(s, "[") {
		return host, port, true
	}
	return host, port, isHostname(host)
}

// isPort reports whether s is a port in the one way to write it: without a leading zero.
func isPort(s string) bool {
	n := 0
	for i := range len(s) {
		c := s[i]
		if c < '0' || c > '9' || n == 0 && c == '0' {
			return false
		}
		if n = 10*n + int(c-'0'); n > 65535 {
			return false
		}
	}
	return n > 0
}

// isHostname reports whether s is a lower-case host name or IPv4 address.
func isHostname(s string) bool {
	if s == "" || len(s) > 253 || s[len(s)-1] == '.' || s[0] == '.' || strings.Contains(s, "..") {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '.' || c == '_') {
			return false
		}
	}
	return true
}

// An OriginPattern is one entry of a list of allowed origins.
type OriginPattern struct {
	origin Origin
	domain string // for a pattern ".example.com": "example.com"
}

// ParseOriginPattern parses "https://app.example.com", an origin, or
// ".example.com", which stands for that domain and all below it.
func ParseOriginPattern(s string) (OriginPattern, error) {
	if domain, ok := strings.CutPrefix(s, "."); ok {
		if host, port, ok := SplitHost(domain); !ok || port != "" || host != domain {
			return OriginPattern{}, errOrigin
		}
		return OriginPattern{domain: domain}, nil
	}
	o, err := ParseOrigin(s)
	return OriginPattern{origin: o}, err
}

// Match reports whether the pattern allows o on a site whose own origin is self.
// A domain pattern allows only the scheme of self, and the port of self or the
// scheme's default: http://app.example.com is not https://app.example.com.
func (p OriginPattern) Match(o, self Origin) bool {
	if p.domain == "" {
		return p.origin == o
	}
	if o.Scheme != self.Scheme || o.Port != self.Port && o.Port != defaultPort(o.Scheme) {
		return false
	}
	sub, ok := strings.CutSuffix(o.Host, p.domain)
	return ok && (sub == "" || strings.HasSuffix(sub, "."))
}

// FromURL returns the origin that a browser page at u, ws or wss or http or
// https, would have.
func FromURL(u *url.URL) string {
	scheme := u.Scheme
	switch scheme {
	case "ws":
		scheme = "http"
	case "wss":
		scheme = "https"
	}
	o, err := HostOrigin(scheme, u.Host)
	if err != nil {
		return ""
	}
	return o.String()
}
