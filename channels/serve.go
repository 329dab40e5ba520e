package channels

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"
)

// A Protocol is a way to speak with clients that is not HTTP: lines of text over
// TCP, say. Its connections are served by the same handlers, in the same groups,
// and closed by the same guards.
type Protocol struct {
	// Name is what [Scope.Protocol] returns.
	Name string

	// Open begins a connection. It may talk to the client, to learn who it is, and
	// returns the context that the socket's derives from: ctx, which carries the
	// scope, or one made from it. The connection is closed if it fails, and when
	// the socket ends.
	Open func(ctx context.Context, nc net.Conn) (context.Context, MessageConn, error)

	// OpenTimeout is how long Open may take. Default 10 s; negative means no limit.
	OpenTimeout time.Duration
}

// A MessageConn is the messages of a connection. Read and Write are called by one
// goroutine each, and obey the end of their contexts as far as they can: when a
// connection is to end, its net.Conn gets a deadline in the past.
type MessageConn interface {
	// Read returns the next message; io.EOF is the client's orderly end.
	Read(ctx context.Context) (Message, error)
	Write(ctx context.Context, m Message) error
	// Close says goodbye, in the protocol's way; code and reason are those of a
	// WebSocket. The net.Conn is closed after it, by the server.
	Close(code StatusCode, reason string) error
}

const defaultOpenTimeout = 10 * time.Second

// Serve accepts connections of l and serves each by h, until l fails or the server
// shuts down, which closes l: then it returns [ErrDraining].
func (srv *Server) Serve(l net.Listener, p Protocol, h Handler) error {
	if p.Name == "" || p.Open == nil {
		return errors.New("channels: a Protocol needs a Name and an Open function")
	}
	st := srv.init()
	st.mu.Lock()
	if st.draining {
		st.mu.Unlock()
		l.Close()
		return ErrDraining
	}
	st.listeners[l] = struct{}{}
	st.mu.Unlock()
	defer func() {
		st.mu.Lock()
		delete(st.listeners, l)
		st.mu.Unlock()
		l.Close()
	}()
	for delay := time.Duration(0); ; {
		nc, err := l.Accept()
		if err == nil {
			delay = 0
			srv.open(nc, p, h)
			continue
		}
		st.mu.Lock()
		draining := st.draining
		st.mu.Unlock()
		if draining {
			return ErrDraining
		}
		if ne, ok := errors.AsType[net.Error](err); !ok || !ne.Timeout() && !isTemporary(err) {
			return fmt.Errorf("channels: accept: %w", err)
		}
		// As net/http does, when descriptors have run out.
		delay = min(max(2*delay, 5*time.Millisecond), time.Second)
		srv.logger().Error("accept failed, trying again", "protocol", p.Name, "error", err, "delay", delay)
		select {
		case <-time.After(delay):
		case <-st.ctx.Done():
			return ErrDraining
		}
	}
}

func isTemporary(err error) bool {
	t, ok := errors.AsType[interface {
		error
		Temporary() bool
	}](err)
	return ok && t.Temporary()
}

// open serves one connection, in a goroutine of its own.
func (srv *Server) open(nc net.Conn, p Protocol, h Handler) {
	remote := ""
	if addr := nc.RemoteAddr(); addr != nil {
		remote = addr.String()
	}
	var ip any
	if ap, err := netip.ParseAddrPort(remote); err == nil && srv.MaxPerIP > 0 {
		ip = ap.Addr().Unmap()
	}
	if he := srv.reserve(ip); he != nil {
		srv.refused(nil, he)
		srv.logger().Warn("a connection was refused", "protocol", p.Name, "remote", remote, "reason", he.Reason)
		nc.Close()
		return
	}
	s := newSocket(srv, NewScope(p.Name, remote), ip)
	s.other = newOtherConn(nc)
	if err := srv.admit(s); err != nil {
		nc.Close()
		return
	}
	go func() { // ends with the connection; Shutdown waits for it
		defer nc.Close()
		if !s.openOther(nc, p) {
			srv.remove(s, 0, nil)
			return
		}
		srv.opened(s)
		s.run(h)
	}()
}

// openOther calls the protocol's Open.
func (s *Socket) openOther(nc net.Conn, p Protocol) (ok bool) {
	o := s.other
	ctx := ContextWithScope(o.ctx, s.scope)
	if d := orDefault(p.OpenTimeout, defaultOpenTimeout); d > 0 {
		nc.SetDeadline(time.Now().Add(d))
		timed, cancel := context.WithTimeout(ctx, d)
		defer cancel()
		ctx = timed
	}
	err := s.serve(HandlerFunc(func(context.Context, *Socket) error {
		opened, mc, err := p.Open(ctx, nc)
		if err != nil {
			return err
		}
		if mc == nil || opened == nil {
			return errors.New("channels: Open returned no connection")
		}
		o.mc = mc
		o.opened = &openedContext{o.ctx, ContextWithScope(opened, s.scope)}
		return nil
	}))
	if err == nil && o.begin() {
		return true
	}
	if err != nil && err != errPanic && context.Cause(o.ctx) == nil {
		s.srv.logger().LogAttrs(o.ctx, slog.LevelInfo, "a connection was not opened",
			slog.Any("scope", s.scope), slog.Any("error", err))
	}
	o.interrupt(err)
	return false
}

// An openedContext ends with the connection and has the values that Open gave it.
type openedContext struct {
	context.Context
	values context.Context
}

func (c *openedContext) Value(key any) any {
	if v := c.values.Value(key); v != nil {
		return v
	}
	return c.Context.Value(key)
}
