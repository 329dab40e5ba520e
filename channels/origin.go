package channels

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/sluicehq/sluice/channels/internal/handshake"
)

// checkHost refuses a host that is not the server's.
func (u *Upgrader) checkHost(r *http.Request) *HandshakeError {
	host, _, ok := handshake.SplitHost(strings.ToLower(r.Host))
	if !ok {
		return refuse(http.StatusBadRequest, "malformed Host")
	}
	if len(u.AllowedHosts) > 0 {
		if slices.Contains(u.AllowedHosts, host) || slices.Contains(u.AllowedHosts, strings.ToLower(r.Host)) {
			return nil
		}
		he := refuse(http.StatusMisdirectedRequest, "the host is not served here")
		he.Remedy = "Upgrader.AllowedHosts does not list this host"
		return he
	}
	// Behind a proxy the host may be whatever the proxy sends.
	if u.PublicOrigin != "" || u.trusted(r) || !onLoopback(r) || isLocalName(host) {
		return nil
	}
	he := refuse(http.StatusMisdirectedRequest, "the host is not served here")
	he.Remedy = "a connection over loopback must name localhost or an address; list other names in Upgrader.AllowedHosts, or set PublicOrigin or TrustedProxies for a proxy on this machine"
	return he
}

// onLoopback reports whether the request came to a loopback address.
func onLoopback(r *http.Request) bool {
	addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return false
	}
	if tcp, ok := addr.(*net.TCPAddr); ok { // as text it takes two allocations
		return tcp.IP.IsLoopback()
	}
	ap, err := netip.ParseAddrPort(addr.String())
	return err == nil && ap.Addr().Unmap().IsLoopback()
}

// isLocalName reports whether no DNS server can make host mean this machine: an
// address, or localhost and what is below it (RFC 6761, Section 6.3).
func isLocalName(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	_, err := netip.ParseAddr(host)
	return err == nil
}

// checkOrigin refuses the pages of other sites (RFC 6455, Section 10.2), and what
// could be one: a request without an Origin that has credentials which a browser
// adds by itself.
func (u *Upgrader) checkOrigin(r *http.Request) *HandshakeError {
	if u.InsecureAnyOrigin {
		return nil
	}
	lines := r.Header["Origin"]
	if len(lines) == 0 {
		if !ambientCredentials(r) {
			return nil
		}
		he := refuse(http.StatusForbidden, "no Origin, but a credential that browsers add by themselves")
		he.Remedy = "let the client send the Origin header of the site, as a browser does"
		return he
	}
	if len(lines) > 1 {
		return refuse(http.StatusForbidden, "more than one Origin")
	}
	origin, err := handshake.ParseOrigin(lines[0])
	if err != nil {
		return refuse(http.StatusForbidden, "the Origin is not that of a web site")
	}
	self, err := u.self(r)
	if err != nil {
		return refuse(http.StatusBadRequest, "malformed Host")
	}
	if origin == self {
		return nil
	}
	for _, p := range u.plan.patterns {
		if p.Match(origin, self) {
			return nil
		}
	}
	he := refuse(http.StatusForbidden, "the Origin is not allowed")
	he.Remedy = "Upgrader.AllowedOrigins does not list this origin"
	if origin.Host == self.Host || origin.Scheme == "https" && self.Scheme == "http" {
		he.Remedy += "; when a proxy ends TLS in front of this server, set PublicOrigin or TrustedProxies"
	}
	return he
}

// self returns the origin that the request was sent to, as a browser sees it.
func (u *Upgrader) self(r *http.Request) (handshake.Origin, error) {
	if u.PublicOrigin != "" {
		return u.plan.public, nil
	}
	scheme, host := "http", r.Host
	if r.TLS != nil {
		scheme = "https"
	}
	if u.trusted(r) {
		// Each proxy appends to a list: the last entry is that of the trusted one.
		if proto := lastItem(r.Header["X-Forwarded-Proto"]); proto == "http" || proto == "https" {
			scheme = proto
		}
		if h := lastItem(r.Header["X-Forwarded-Host"]); h != "" {
			host = h
		}
	}
	return handshake.HostOrigin(scheme, host)
}

// trusted reports whether the request came from one of TrustedProxies.
func (u *Upgrader) trusted(r *http.Request) bool {
	if len(u.TrustedProxies) == 0 {
		return false
	}
	addr, ok := remoteIP(r.RemoteAddr)
	return ok && u.trusts(addr)
}

func lastItem(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	line := lines[len(lines)-1]
	return strings.ToLower(strings.TrimSpace(line[strings.LastIndexByte(line, ',')+1:]))
}

// ambientCredentials reports whether the request has a credential that a browser
// adds to whatever page asks for it: cookies, HTTP authentication that it
// remembers, a TLS client certificate. A bearer token is none.
func ambientCredentials(r *http.Request) bool {
	if len(r.Header["Cookie"]) > 0 || r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		return true
	}
	for _, line := range r.Header["Authorization"] {
		scheme, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch strings.ToLower(scheme) {
		case "basic", "digest", "negotiate", "ntlm":
			return true
		}
	}
	return false
}
