package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"

	"github.com/sluicehq/sluice/channels"
)

// Authenticate returns the user whose credentials c are, after asking the backends in
// order. It logs nobody in. Ctx is the request's, or that of a connection's Open:
// attempts are counted for its address and for the name.
//
// The errors are ErrDenied, whatever is wrong with the credentials; ErrMalformed;
// *ThrottledError; ErrBusy; and ErrUnavailable. [Gate.Deny] answers with them.
func (g *Gate[U]) Authenticate(ctx context.Context, c Credentials) (U, error) {
	r := g.ready()
	addr := g.clientAddr(ctx)
	user, backend, err := g.try(ctx, r, c, addr)
	if err != nil {
		g.failed(ctx, c, addr, err)
		var nobody U
		return nobody, err
	}
	if st := g.state(ctx); st != nil {
		st.mu.Lock()
		rare := st.rarely()
		rare.vouchedID, rare.vouchedBy = user.UserID(), backend
		st.mu.Unlock()
	}
	return user, nil
}

func (g *Gate[U]) try(ctx context.Context, r *rules[U], c Credentials, addr string) (user U, backend *source[U], err error) {
	if err := c.check(); err != nil {
		return user, nil, err
	}
	account := accountKey(c.Username)
	if r.throttle != nil {
		wait, err := r.throttle.Begin(ctx, account, addr)
		if err != nil {
			return user, nil, unavailable("throttle", err)
		}
		if wait > 0 {
			return user, nil, &ThrottledError{wait}
		}
	}
	user, backend, err = r.ask(ctx, c)
	if r.throttle != nil && err == nil {
		r.throttle.Succeeded(ctx, account, addr)
	}
	return user, backend, err
}

// ask asks the backends.
func (r *rules[U]) ask(ctx context.Context, c Credentials) (user U, _ *source[U], _ error) {
	for _, s := range r.sources {
		user, err := s.Authenticate(ctx, c)
		switch {
		case err == nil && idOf(user) == "":
			return user, nil, fmt.Errorf("%w: backend %s returned a user without an ID", ErrDenied, s.name)
		case err == nil:
			return user, s, nil
		case errors.Is(err, ErrDenied), errors.Is(err, ErrMalformed), errors.Is(err, ErrBusy):
			return user, nil, err
		case !isNotMine(err):
			return user, nil, unavailable("backend "+s.name, err)
		}
	}
	return user, nil, ErrDenied
}

// A FailedLogin is what a hook learns of a login that failed: not the name, which may
// be a password that was typed into the wrong field.
type FailedLogin struct {
	Account string // 16 characters that stand for the name, the same until the process ends; empty without a name
	Addr    string // that the attempt was counted for
	Err     error
}

func (g *Gate[U]) failed(ctx context.Context, c Credentials, addr string, err error) {
	f := FailedLogin{Account: pseudonym(c.Username), Addr: addr, Err: err}
	level := slog.LevelInfo
	if errors.Is(err, ErrUnavailable) {
		level = slog.LevelError
	}
	g.log().Log(ctx, level, "auth: login failed", "account", f.Account, "addr", f.Addr, "err", err)
	if g.LoginFailed != nil {
		g.LoginFailed(ctx, f)
	}
}

// pseudonymKey makes the names in the log of no use to who guesses them.
var pseudonymKey = []byte(rand.Text())

func pseudonym(username string) string {
	if username == "" {
		return ""
	}
	mac := hmac.New(sha256.New, pseudonymKey)
	mac.Write([]byte(accountKey(username)))
	return hex.EncodeToString(mac.Sum(nil)[:8])
}

// accountKey makes one of the ways to write a name that a backend may take for the
// same: guesses are counted together.
func accountKey(username string) string {
	return strings.ToLower(strings.TrimSpace(username))
}

// clientAddr returns the address that attempts are counted for. Of IPv6 it is the /64
// network, which is what one customer has.
func (g *Gate[U]) clientAddr(ctx context.Context) string {
	ask := g.ClientAddr
	if by, ok := g.Revoker.(interface {
		ClientAddr(ctx context.Context) string
	}); ok && ask == nil {
		ask = by.ClientAddr
	}
	if ask != nil {
		return network(ask(ctx))
	}
	if scope, ok := channels.ScopeFrom(ctx); ok {
		return network(scope.RemoteAddr())
	}
	return ""
}

func network(addr string) string {
	ip, err := netip.ParseAddr(addr)
	if err != nil {
		withPort, err := netip.ParseAddrPort(addr)
		if err != nil {
			return addr
		}
		ip = withPort.Addr()
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	prefix, err := ip.Prefix(64)
	if err != nil {
		return addr
	}
	return prefix.String()
}
