package channels

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// ClientIP returns the address of the client that a request comes from, without port and
// zone: the connection's, or, behind TrustedProxies, the last one in X-Forwarded-For that
// is not itself a proxy. Whatever else a client says of its address is ignored. It
// returns false when the connection has no IP address, as over a Unix socket.
func (u *Upgrader) ClientIP(r *http.Request) (netip.Addr, bool) {
	return u.client(r.RemoteAddr, r.Header["X-Forwarded-For"])
}

// ClientAddr returns the address of the client at the other end of ctx's request or
// connection, as [Upgrader.ClientIP] does: what limits and logs should go by. It is
// what auth.Gate counts guesses for, unless told otherwise. Of a connection without an IP
// address it is [Scope.RemoteAddr], and nothing if ctx has no scope.
func (srv *Server) ClientAddr(ctx context.Context) string {
	scope, ok := ScopeFrom(ctx)
	if !ok {
		return ""
	}
	if addr, ok := scope.Value(clientKey{}).(netip.Addr); ok {
		return addr.String()
	}
	if addr, ok := srv.Upgrader.client(scope.remoteAddr, scope.headerLines("X-Forwarded-For")); ok {
		return addr.String()
	}
	return scope.remoteAddr
}

// clientKey is the key, in a scope whose headers are gone, of what they said of the
// client.
type clientKey struct{}

// keepClient notes the client's address before the headers are forgotten.
func (srv *Server) keepClient(scope *Scope) {
	if len(srv.Upgrader.TrustedProxies) == 0 {
		return
	}
	if addr, ok := srv.Upgrader.client(scope.remoteAddr, scope.headerLines("X-Forwarded-For")); ok {
		scope.SetValue(clientKey{}, addr)
	}
}

func (u *Upgrader) client(remote string, forwarded []string) (netip.Addr, bool) {
	addr, ok := remoteIP(remote)
	if !ok || !u.trusts(addr) {
		return addr, ok
	}
	items := strings.Split(strings.Join(forwarded, ","), ",")
	for _, item := range slices.Backward(items) {
		next, err := netip.ParseAddr(strings.TrimSpace(item))
		if err != nil {
			break
		}
		addr = next.Unmap().WithZone("")
		if !u.trusts(addr) {
			break
		}
	}
	return addr, true
}

// trusts reports whether an address is one of TrustedProxies.
func (u *Upgrader) trusts(addr netip.Addr) bool {
	return slices.ContainsFunc(u.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// remoteIP returns the address of "host:port", without its zone.
func remoteIP(remote string) (netip.Addr, bool) {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		host = remote
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return addr.Unmap().WithZone(""), err == nil
}
