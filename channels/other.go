package channels

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// An otherConn is a connection that is not a WebSocket.
type otherConn struct {
	nc     net.Conn
	mc     MessageConn // nil until it is open
	ctx    context.Context
	opened context.Context // the socket's: ctx, or what derives from it once it is open
	cancel context.CancelCauseFunc

	mu      sync.Mutex // guards what follows, and the order of deadlines
	ending  bool
	retired error // what reads return, from when it is set
}

func newOtherConn(nc net.Conn) *otherConn {
	o := &otherConn{nc: nc}
	o.ctx, o.cancel = context.WithCancelCause(context.Background())
	o.opened = o.ctx
	return o
}

// begin ends the time for Open, and reports whether the connection may go on.
func (o *otherConn) begin() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ending {
		return false
	}
	return o.nc.SetDeadline(time.Time{}) == nil
}

// read returns the next message, of s. The end of ctx is obeyed as the protocol does.
func (o *otherConn) read(ctx context.Context, s *Socket) (Message, error) {
	if cause := o.unreadable(); cause != nil {
		return Message{}, cause
	}
	m, err := o.mc.Read(ctx)
	s.in.add(len(m.Data))
	if err != nil {
		if cause := o.unreadable(); cause != nil {
			return Message{}, cause
		}
		if ctx.Err() != nil {
			return Message{}, context.Cause(ctx)
		}
		if errors.Is(err, io.EOF) { // an orderly end: what is queued may still go out
			return Message{}, &CloseError{Code: StatusNoStatus}
		}
		err = lost("read", err)
		o.interrupt(err)
		return Message{}, err
	}
	return m, nil
}

// retire makes reads return with cause. Nothing else ends.
func (o *otherConn) retire(cause error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.retired = cause
	o.nc.SetReadDeadline(past)
}

// unreadable returns why nothing is read any more, or nil.
func (o *otherConn) unreadable() error {
	if cause := context.Cause(o.ctx); cause != nil {
		return cause
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.retired
}

// interrupt cancels the context with cause and makes Read and Write return.
func (o *otherConn) interrupt(cause error) {
	o.mu.Lock()
	first := !o.ending
	o.ending = true
	if first {
		o.cancel(cause) // before the reader is woken, who asks for the cause
		o.nc.SetDeadline(past)
	}
	o.mu.Unlock()
}

// close says goodbye and closes the connection.
func (o *otherConn) close(code StatusCode, reason string, wait time.Duration) {
	o.nc.SetDeadline(time.Now().Add(wait))
	o.mc.Close(code, reason)
	o.nc.Close()
}
