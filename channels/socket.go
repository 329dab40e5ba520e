package channels

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"
)

// A Socket is a connection as an application sees it: a WebSocket, or a connection
// of another [Protocol]. All methods but Read and Messages may be called by any
// number of goroutines at once, also after the connection has ended.
type Socket struct {
	srv   *Server
	scope *Scope
	conn  *Conn      // a WebSocket, or nil:
	other *otherConn // a connection of another protocol
	ip    any        // what it counts as in perIP, or nil

	parkedAt time.Duration // since epoch, the last time; the goroutine's

	cons consumption // the consumer, when consume serves one; its goroutine's

	in, sent traffic // bytes, for Stats

	out outbox

	// Guarded by serverState.mu:
	guards     *guardState // nil before the first
	admitted   bool        // its first guards have been taken
	terminated bool        // it is gone: no guard is taken any more

	over    bool       // no more events and joins; as what follows, guarded by:
	mu      sync.Mutex // taken after serverState.mu
	groups  map[string]*group
	present map[string]*attendance // where it tracks or watches
	events  *eventQueue            // nil when the consumer takes none
}

func newSocket(srv *Server, scope *Scope, ip any) *Socket {
	s := &Socket{srv: srv, scope: scope, ip: ip}
	s.out.init(s)
	return s
}

// Scope returns the connection's scope.
func (s *Socket) Scope() *Scope { return s.scope }

// Context returns the socket's context: it carries the [Scope], and is cancelled
// when the connection ends; [context.Cause] tells why.
func (s *Socket) Context() context.Context {
	if s.conn != nil {
		return s.conn.Context()
	}
	return s.other.opened
}

// cause returns why the socket's context has ended, or nil.
func (s *Socket) cause() error {
	if s.conn != nil {
		return s.conn.cause()
	}
	return context.Cause(s.Context())
}

// Subprotocol returns the subprotocol that was agreed on, or "".
func (s *Socket) Subprotocol() string {
	if s.conn == nil {
		return ""
	}
	return s.conn.Subprotocol()
}

// Read returns the next message, as [Conn.Read]. A consumer's messages are read
// for it; its methods must not call Read.
func (s *Socket) Read(ctx context.Context) (Message, error) {
	if err := s.out.settle(ctx); err != nil {
		return Message{}, err
	}
	if s.conn == nil {
		return s.other.read(ctx, s)
	}
	s.out.flush()
	return s.conn.Read(ctx)
}

// Messages returns the messages until the connection ends or ctx does: the last
// pair has a zero message and the error that Read returned.
func (s *Socket) Messages(ctx context.Context) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		for {
			m, err := s.Read(ctx)
			if !yield(m, err) || err != nil {
				return
			}
		}
	}
}

// Send queues a message, behind what was queued before, and returns: the message
// has been copied or written. An error means that it was not taken. One that
// cannot be delivered later ends the socket's context. When the queue is full,
// [Server.Slow] says what happens; the socket's own goroutine waits, before it
// reads the next message, until half of it has gone.
func (s *Socket) Send(ctx context.Context, m Message) error {
	if ctx != s.Context() && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := m.Type.check(); err != nil {
		return err
	}
	return s.out.send(m)
}

// SendJSON sends v, encoded by encoding/json, as a text message.
func (s *Socket) SendJSON(ctx context.Context, v any) error {
	m, err := JSON(v)
	if err != nil {
		return err
	}
	return s.Send(ctx, m)
}

// Flush waits until everything that was sent has been written to the network.
func (s *Socket) Flush(ctx context.Context) error { return s.out.wait(ctx, true) }

// Close ends the socket with a close code and a reason: what was sent before goes
// out first. The handler's context is cancelled; Close does not wait for it.
func (s *Socket) Close(code StatusCode, reason string) error {
	if !code.Sendable() {
		return unsendable(code)
	}
	s.end(newCloseError(code, reason), true)
	return nil
}

// end makes cause the reason that the connection ends for. With flush what is
// queued is written first; without it is dropped, and no frame is begun any more.
func (s *Socket) end(cause error, flush bool) {
	if flush {
		s.out.flushBeforeEnd()
	} else {
		s.out.drop(cause)
	}
	if s.conn == nil {
		s.other.interrupt(cause)
	} else if s.conn.interrupt(cause) {
		s.endWithout(cause)
	}
}

// handlerGrace is how long a handler has to hear that its context is over, before the
// connection is closed without it.
const handlerGrace = 500 * time.Millisecond

// endWithout closes the connection if the handler does not return: it may have been
// written without a thought of its context, or wait for something else.
func (s *Socket) endWithout(cause error) {
	ce, ok := errors.AsType[*CloseError](cause)
	if !ok {
		ce = &CloseError{Code: StatusInternalError}
	}
	time.AfterFunc(handlerGrace, func() {
		if !s.conn.closing() {
			s.conn.closeHandshake(ce.Code, ce.Reason)
		}
	})
}

// run serves the socket until its end, or until a consumer's is parked. It owns the
// connection.
func (s *Socket) run(h Handler) {
	if s.consumes(h) {
		s.consume()
		return
	}
	err := s.serve(h)
	s.finish(err)
}

// serve runs the handler and turns a panic into an error.
func (s *Socket) serve(h Handler) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = s.panicked(v)
		}
	}()
	return h.ServeSocket(s.Context(), s)
}

// panicked tells of a panic, and returns the error that stands for it. It is called
// before the stack is unwound.
func (s *Socket) panicked(v any) error {
	stack := debug.Stack()
	if s.srv.Panic != nil {
		s.srv.Panic(s.Context(), v, stack)
	} else {
		s.srv.logger().LogAttrs(s.Context(), slog.LevelError, "panic in a socket's handler",
			slog.Any("scope", s.scope), slog.Any("panic", v), slog.String("stack", string(stack)))
	}
	return errPanic
}

var errPanic = errors.New("channels: panic in a handler")

// finish closes the connection after its handler has returned err, and takes the
// socket out of the server.
func (s *Socket) finish(err error) {
	s.stopEvents()
	s.untrackAll() // who is gone is not shown until the peer has answered
	ce := s.closeError(err)
	cause := s.cause()
	if cause == nil { // nobody has ended it yet
		wait, cancel := context.WithTimeout(context.Background(), s.closeTimeout())
		s.out.wait(wait, true)
		cancel()
		cause = ce
	} else if by, ok := errors.AsType[*CloseError](cause); ok {
		ce = by
	}
	s.out.drop(cause)
	if s.conn != nil {
		s.conn.interrupt(ce)
		s.conn.closeHandshake(ce.Code, ce.Reason)
	} else {
		s.other.interrupt(ce)
		s.other.close(ce.Code, ce.Reason, s.closeTimeout())
	}
	s.out.waitWriter()
	s.srv.remove(s, endStatus(cause), cause)
}

func (s *Socket) closeTimeout() time.Duration {
	return orDefault(max(s.srv.Upgrader.CloseTimeout, 0), defaultCloseTimeout)
}

func unsendable(code StatusCode) error {
	return fmt.Errorf("channels: close code %v cannot be sent: use 1000 to 1003, 1007 to 1014, or 3000 to 4999", code)
}

// closeError turns what a handler returned into what is sent.
func (s *Socket) closeError(err error) *CloseError {
	if err == nil || errors.Is(err, Done) {
		return &CloseError{Code: StatusNormalClosure}
	}
	if ce, ok := errors.AsType[*CloseError](err); ok {
		switch {
		case ce.Code.Sendable():
			return newCloseError(ce.Code, ce.Reason)
		case ce.Code == StatusNoStatus, ce.Code == StatusAbnormalClosure: // the peer's end
			return &CloseError{Code: StatusNormalClosure}
		}
		err = unsendable(ce.Code)
	}
	if s.cause() != nil {
		// The connection is over: that the handler failed then is no news.
		return &CloseError{Code: StatusNormalClosure}
	}
	if err != errPanic {
		s.srv.logger().LogAttrs(s.Context(), slog.LevelError, "a socket's handler failed",
			slog.Any("scope", s.scope), slog.Any("error", err))
	}
	return &CloseError{Code: StatusInternalError}
}
