package channels

import (
	"context"
	"net/http"
)

// A Handler serves a socket. What ServeSocket returns decides the close code:
//
//   - nil or [Done]: 1000 (normal closure)
//   - a *CloseError: its code and reason
//   - anything else, or a panic: 1011 (internal error); it is logged, and its text
//     is not sent
//
// Ctx is the socket's: it carries the [Scope] and ends with the connection.
type Handler interface {
	ServeSocket(ctx context.Context, s *Socket) error
}

// A HandlerFunc is a function as a [Handler].
type HandlerFunc func(ctx context.Context, s *Socket) error

func (f HandlerFunc) ServeSocket(ctx context.Context, s *Socket) error { return f(ctx, s) }

// Handler returns the http.Handler that accepts WebSocket connections for h. It
// panics when a field of the Server or its Upgrader is wrong, or h is nil, and says what to
// change.
func (srv *Server) Handler(h Handler) http.Handler {
	if h == nil {
		panic("channels: Server.Handler: the handler is nil")
	}
	if err := srv.prepare(); err != nil {
		panic(err.Error())
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { srv.Accept(w, r, h) })
}

// HandlerFunc is Handler for a function.
func (srv *Server) HandlerFunc(f func(ctx context.Context, s *Socket) error) http.Handler {
	if f == nil {
		panic("channels: Server.HandlerFunc: the function is nil")
	}
	return srv.Handler(HandlerFunc(f))
}

// Accept answers the handshake and leaves the socket to a goroutine of its own
// that runs h; it does not wait for it. An error has been answered, too: 503 while
// the server shuts down or is full, otherwise as by [Upgrader.Upgrade].
//
// So the request ends, with everything that hung on it, while the socket lives on:
// middleware finishes, a request's time limit does not end the socket, and
// net/http's buffers are free. Over HTTP/2 (RFC 8441), where a stream ends with its
// handler, Accept returns when the socket has ended; all else is the same.
func (srv *Server) Accept(w http.ResponseWriter, r *http.Request, h Handler) error {
	scope := scopeOf(r)
	var ip any
	if srv.MaxPerIP > 0 {
		if addr, ok := srv.Upgrader.ClientIP(r); ok {
			ip = addr
		}
	}
	if he := srv.reserve(ip); he != nil {
		w.Header().Set("Retry-After", "1")
		srv.Upgrader.refuse(w, r, he)
		if he.Reason == drainingReason {
			return ErrDraining
		}
		return he
	}
	parent := context.Background()
	if srv.Context != nil {
		parent = srv.Context(r)
	}
	conn, err := srv.Upgrader.upgrade(w, r, parent, scope)
	if err != nil {
		srv.unreserve(ip)
		return err
	}
	srv.keepClient(scope)
	scope.keepHeaders(srv.KeepHeaders)
	s := newSocket(srv, scope, ip)
	s.conn = conn
	conn.owner = s
	if err := srv.admit(s); err != nil {
		conn.Close(StatusServiceRestart, "")
		return err
	}
	srv.opened(s)
	if extendedConnect(r) {
		s.run(h)
		return nil
	}
	// Either ends with the connection; Shutdown waits for it.
	if s.consumes(h) {
		s.cons.moves = true
		go s.consume()
	} else {
		go s.run(h)
	}
	return nil
}

const drainingReason = "the server is shutting down"

// reserve takes a place for a connection that is about to be opened, from ip if
// that is not nil.
func (srv *Server) reserve(ip any) *HandshakeError {
	st := srv.init()
	st.mu.Lock()
	defer st.mu.Unlock()
	switch {
	case st.draining:
		return refuse(http.StatusServiceUnavailable, drainingReason)
	case srv.MaxSockets > 0 && st.reserved >= srv.MaxSockets:
		he := refuse(http.StatusServiceUnavailable, "too many connections")
		he.Remedy = "Server.MaxSockets is reached"
		return he
	case ip != nil && st.perIP[ip] >= srv.MaxPerIP:
		he := refuse(http.StatusTooManyRequests, "too many connections from this address")
		he.Remedy = "Server.MaxPerIP is reached; behind a proxy set Upgrader.TrustedProxies"
		return he
	}
	st.reserved++
	if ip != nil {
		st.perIP[ip]++
	}
	return nil
}

// unreserve gives the place back.
func (srv *Server) unreserve(ip any) {
	st := &srv.state
	st.mu.Lock()
	defer st.mu.Unlock()
	st.reserved--
	if ip == nil {
		return
	}
	if st.perIP[ip]--; st.perIP[ip] <= 0 {
		delete(st.perIP, ip)
	}
}

// Guard puts the checks of the handshake's host, syntax and origin in front of h:
// for wrappers that do I/O before h is asked. What is no handshake passes.
func (srv *Server) Guard(h http.Handler) http.Handler {
	if h == nil {
		panic("channels: Server.Guard: the handler is nil")
	}
	if err := srv.prepare(); err != nil {
		panic(err.Error())
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requestProtocol(r) == "websocket" {
			u := &srv.Upgrader
			if he := u.check(r); he != nil {
				u.refuse(w, r, he)
				return
			}
		}
		h.ServeHTTP(w, r)
	})
}

// CloseWith returns a handler that accepts a WebSocket and closes it at once with
// code and reason. A browser's page learns these, while it cannot see the status
// of a handshake that is refused: use it where a page should be told to log in.
func (srv *Server) CloseWith(code StatusCode, reason string) http.Handler {
	if !code.Sendable() {
		panic(unsendable(code).Error())
	}
	return srv.HandlerFunc(func(context.Context, *Socket) error { return newCloseError(code, reason) })
}
