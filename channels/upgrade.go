package channels

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/sluicehq/sluice/channels/internal/handshake"
)

// An Upgrader turns requests into WebSocket connections. The zero value is ready
// and safe: it accepts pages of the very site that the request was sent to, and
// clients that are no browsers and send no cookie. It may be used by many
// goroutines at once; its fields must not be changed after the first use.
type Upgrader struct {
	// AllowedOrigins are the sites whose pages may connect, beside the request's
	// own: "https://app.example.com", exactly, or ".example.com", that domain and
	// every one below it, with the scheme of the request.
	AllowedOrigins []string

	// InsecureAnyOrigin lets the pages of every site connect, and use the cookies
	// that the visitor's browser has for this one. It is for servers that
	// everybody may use anonymously.
	InsecureAnyOrigin bool

	// AllowedHosts are the values of Host, with or without a port, that are
	// answered. With none, every host is, except where that is dangerous: a connection
	// that came over the loopback interface must name localhost or an address, so
	// that a web site whose name resolves to 127.0.0.1 gets nowhere.
	AllowedHosts []string

	// TrustedProxies are the addresses of reverse proxies whose X-Forwarded-Proto,
	// X-Forwarded-Host and X-Forwarded-For are believed. From anybody else these
	// fields are ignored.
	TrustedProxies []netip.Prefix

	// PublicOrigin is the site's origin as browsers see it, "https://example.com",
	// when neither the request nor a trusted proxy tells.
	PublicOrigin string

	// Subprotocols are those that the server speaks, in its order of preference. Of
	// those that the client offers too, the first is agreed on; there may be none.
	Subprotocols []string

	// Compression is how messages are compressed. The zero value does not.
	Compression Compression

	// Limits bound what a client may ask for.
	Limits Limits

	// WriteTimeout is how long the client may take to accept each 64 KiB that is
	// written. Default 10 s; negative means no limit.
	WriteTimeout time.Duration

	// CloseTimeout is how long the client may take to answer a close frame. Default
	// 5 s, also for a negative value: a connection that is closed has to end.
	CloseTimeout time.Duration

	// PingInterval is how often a silent client is pinged; one that stays silent
	// is given up after another interval. Default 30 s; negative means never.
	PingInterval time.Duration

	// Logger gets a line for each handshake that is refused. Default
	// [slog.Default].
	Logger *slog.Logger

	// Refuse answers a handshake that is refused. The default is a short text
	// with the error's status.
	Refuse func(http.ResponseWriter, *http.Request, *HandshakeError)

	once sync.Once
	plan upgradePlan

	// Of the Server that it is part of.
	fallback *slog.Logger
	refused  func(*http.Request, *HandshakeError)
}

// An upgradePlan is an Upgrader's fields, parsed once.
type upgradePlan struct {
	err      error
	patterns []handshake.OriginPattern
	public   handshake.Origin
	set      *settings
}

// A HandshakeError says why a handshake was refused. Its text may be logged, and
// is safe to be sent: it has nothing of the request in it.
type HandshakeError struct {
	Status int    // of the HTTP response
	Reason string // what is wrong with the request
	Remedy string // for the log: what to change on the server, when that may be it
}

func (e *HandshakeError) Error() string { return "websocket: handshake refused: " + e.Reason }

func refuse(status int, reason string) *HandshakeError {
	return &HandshakeError{Status: status, Reason: reason}
}

// prepare parses the fields, once.
func (u *Upgrader) prepare() error {
	u.once.Do(func() { u.plan.err = u.parse() })
	return u.plan.err
}

func (u *Upgrader) parse() error {
	for _, s := range u.AllowedOrigins {
		p, err := handshake.ParseOriginPattern(s)
		if s == "*" {
			return errors.New(`channels: AllowedOrigins: "*" is no origin: list those that may connect, or set InsecureAnyOrigin`)
		}
		if err != nil {
			return errors.New(`channels: AllowedOrigins: "` + s + `" is neither an origin, as "https://app.example.com", nor a domain, as ".example.com"`)
		}
		u.plan.patterns = append(u.plan.patterns, p)
	}
	if u.PublicOrigin != "" {
		o, err := handshake.ParseOrigin(u.PublicOrigin)
		if err != nil {
			return errors.New(`channels: PublicOrigin: "` + u.PublicOrigin + `" is not an origin, as "https://example.com"`)
		}
		u.plan.public = o
	}
	for _, s := range u.AllowedHosts {
		if _, _, ok := handshake.SplitHost(s); !ok {
			return errors.New(`channels: AllowedHosts: "` + s + `" is not a host in lower case, with or without a port`)
		}
	}
	for _, s := range u.Subprotocols {
		if !handshake.IsToken(s) {
			return errors.New(`channels: Subprotocols: "` + s + `" is not a token`)
		}
	}
	if err := u.Compression.validate(); err != nil {
		return err
	}
	u.plan.set = newSettings(u.Limits, u.WriteTimeout, u.CloseTimeout, u.PingInterval)
	return nil
}

// Upgrade answers an opening handshake (RFC 6455, Section 4.2) and returns the
// connection. On an error the response has been written, and the error is a
// *HandshakeError or says what the server lacks. Header fields that w has already,
// a cookie say, go out with the response.
//
// As the handler keeps net/http's buffers and its own request until it returns,
// and the request's context ends with it, [Server.Accept] is the better choice for
// connections that live long. Over HTTP/2 (RFC 8441) the handler must not return
// before the connection is closed: its stream ends with it.
func (u *Upgrader) Upgrade(w http.ResponseWriter, r *http.Request) (*Conn, error) {
	scope, _ := ScopeFrom(r.Context())
	c, err := u.upgrade(w, r, context.Background(), scope)
	if err != nil {
		return nil, err
	}
	if scope != nil {
		scope.keepHeaders(nil)
	}
	return c, nil
}

// upgrade is Upgrade with the parent of the connection's context.
func (u *Upgrader) upgrade(w http.ResponseWriter, r *http.Request, parent context.Context, scope *Scope) (*Conn, error) {
	if err := u.prepare(); err != nil {
		return nil, u.broken(w, err)
	}
	if he := u.check(r); he != nil {
		u.refuse(w, r, he)
		return nil, he
	}
	a, err := u.answer(r)
	if err != nil {
		he := refuse(http.StatusBadRequest, err.Error())
		u.refuse(w, r, he)
		return nil, he
	}
	if extendedConnect(r) {
		return u.upgradeStream(w, r, parent, scope, a)
	}
	if !canHijack(w) {
		return nil, u.broken(w, errors.New("channels: the ResponseWriter cannot be hijacked: a middleware wraps it without an Unwrap method"))
	}
	direct, err := switchProtocols(w)
	if err != nil {
		return nil, fmt.Errorf("channels: upgrade: %w", err)
	}
	if !direct {
		a.writeHeader(w)
	}
	nc, brw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, errors.Join(errors.New("channels: hijack"), err)
	}
	var rest []byte
	if n := brw.Reader.Buffered(); n > 0 {
		rest, _ = brw.Reader.Peek(n)
	}
	c := newConn(parent, scope, nc, false, u.plan.set, rest)
	c.subprotocol = a.subprotocol
	c.flate = a.flate
	if direct {
		if err := c.writeAnswer(a, w.Header()); err != nil {
			c.CloseNow()
			return nil, err
		}
	}
	return c, nil
}

// upgradeStream is the end of upgrade for HTTP/2.
func (u *Upgrader) upgradeStream(w http.ResponseWriter, r *http.Request, parent context.Context, scope *Scope, a answer) (*Conn, error) {
	a.setFields(w.Header())
	s, err := openStream(w, r)
	if errors.Is(err, http.ErrNotSupported) {
		return nil, u.broken(w, errors.New("channels: the ResponseWriter has no deadlines or cannot be flushed: a middleware wraps it without an Unwrap method"))
	}
	if err != nil {
		return nil, fmt.Errorf("channels: extended connect: %w", err)
	}
	c := newConn(parent, scope, s, false, u.plan.set, nil)
	c.subprotocol = a.subprotocol
	c.flate = a.flate
	return c, nil
}

// check looks at the request in the order of what is cheap and safe to tell:
// host, syntax (RFC 6455, Section 4.2.1), origin.
func (u *Upgrader) check(r *http.Request) *HandshakeError {
	if he := u.checkHost(r); he != nil {
		return he
	}
	if he := checkSyntax(r); he != nil {
		return he
	}
	return u.checkOrigin(r)
}

func checkSyntax(r *http.Request) *HandshakeError {
	if extendedConnect(r) {
		return checkConnect(r)
	}
	switch {
	// RFC 9110, Section 7.8: Upgrade in an HTTP/1.0 request MUST be ignored.
	case !handshake.HasToken(r.Header["Upgrade"], "websocket") || !r.ProtoAtLeast(1, 1):
		return refuse(http.StatusUpgradeRequired, "this is a WebSocket endpoint")
	case !handshake.HasToken(r.Header["Connection"], "upgrade"):
		return refuse(http.StatusBadRequest, "Connection does not contain upgrade")
	case r.Method != http.MethodGet:
		return refuse(http.StatusMethodNotAllowed, "the method is not GET")
	// A body would be read as frames.
	case r.ContentLength != 0 || len(r.TransferEncoding) > 0:
		return refuse(http.StatusBadRequest, "the handshake has a body")
	}
	// RFC 6455, Section 4.4: another version is answered with those understood.
	if v := r.Header["Sec-Websocket-Version"]; len(v) != 1 || v[0] != "13" {
		return refuse(http.StatusUpgradeRequired, "the WebSocket version is not 13")
	}
	if k := r.Header["Sec-Websocket-Key"]; len(k) != 1 || !handshake.ValidKey(k[0]) {
		return refuse(http.StatusBadRequest, "invalid Sec-WebSocket-Key")
	}
	return nil
}

// checkConnect is checkSyntax for HTTP/2. RFC 8441, Section 5: there is neither an
// Upgrade nor a key, the version is as before.
func checkConnect(r *http.Request) *HandshakeError {
	if r.ContentLength >= 0 {
		return refuse(http.StatusBadRequest, "the stream is not open, or has a length")
	}
	if v := r.Header["Sec-Websocket-Version"]; len(v) != 1 || v[0] != "13" {
		return refuse(http.StatusBadRequest, "the WebSocket version is not 13")
	}
	return nil
}

// refuse answers and logs a handshake that is refused.
func (u *Upgrader) refuse(w http.ResponseWriter, r *http.Request, he *HandshakeError) {
	attrs := []slog.Attr{
		slog.Int("status", he.Status),
		slog.String("reason", he.Reason),
		slog.String("remote", r.RemoteAddr),
		slog.String("host", truncate(r.Host, 255)),
		slog.String("path", truncate(r.URL.Path, 255)),
	}
	if origin := r.Header.Get("Origin"); origin != "" {
		attrs = append(attrs, slog.String("origin", truncate(origin, 255)))
	}
	if he.Remedy != "" {
		attrs = append(attrs, slog.String("remedy", he.Remedy))
	}
	u.logger().LogAttrs(r.Context(), slog.LevelWarn, "websocket handshake refused", attrs...)
	if u.refused != nil {
		u.refused(r, he)
	}
	switch {
	case r.ProtoMajor > 1: // whose connection other streams use
		w.Header().Set("Sec-WebSocket-Version", "13")
	case he.Status == http.StatusUpgradeRequired:
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Sec-WebSocket-Version", "13")
	case he.Status == http.StatusMethodNotAllowed:
		w.Header().Set("Allow", http.MethodGet)
		w.Header().Set("Connection", "close")
	default:
		w.Header().Set("Connection", "close")
	}
	if u.Refuse != nil {
		u.Refuse(w, r, he)
		return
	}
	http.Error(w, he.Reason, he.Status)
}

// broken answers a handshake that the server is not fit for.
func (u *Upgrader) broken(w http.ResponseWriter, err error) error {
	u.logger().Error("websocket handshake failed", "error", err)
	http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
	return err
}

func (u *Upgrader) logger() *slog.Logger {
	switch {
	case u.Logger != nil:
		return u.Logger
	case u.fallback != nil:
		return u.fallback
	}
	return slog.Default()
}

// canHijack reports whether w's connection can be taken over. A Hijack method of a
// wrapper with an Unwrap method says nothing: it asks what is below.
func canHijack(w http.ResponseWriter) bool {
	for {
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			_, ok = w.(http.Hijacker)
			return ok
		}
		w = u.Unwrap()
	}
}
