package channels

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// A Conn is a WebSocket connection, of a server or a client. Any number of
// goroutines may write to it at once; one at a time may read.
//
// Control frames are answered while the application reads, so somebody must:
// [Conn.Read], [Conn.Messages], [Conn.Reader], or [Conn.Discard] for a connection
// that is only written to.
type Conn struct {
	nc          transport // nil while asleep
	set         *settings
	subprotocol *string // that was agreed on, or nil
	flate       *flate  // nil: permessage-deflate was not negotiated
	owner       *Socket // whom to wake when it is parked, or nil

	scope *Scope                      // what the context carries, or nil
	real  atomic.Pointer[realContext] // the context, once somebody waits for its end

	in   input
	raw  rawIO
	kept place                         // in the keeper's queue
	busy atomic.Pointer[messageWriter] // the message that is being sent in fragments

	reading atomic.Bool   // a reader is inside the library
	ending  atomic.Bool   // no frame is begun any more, in either direction
	stopped atomic.Bool   // unreadable will tell why nothing is read any more
	parked  atomic.Bool   // nobody reads: the parker waits for bytes
	asleep  atomic.Bool   // of the transport there is only the descriptor; see doze
	news    atomic.Uint32 // bytes have come since keepalive, or the parker, looked

	watched bool // the read that goes on has a watch; the reader's
	client  bool
	pinged  bool // keepalive has sent a ping that nothing followed; the keeper's

	closeSent     bool
	closeReceived bool
	shut          bool // nc has been closed
	wake          bool // the reader is to return: its deadline stays in the past
	parkAsked     bool // the reader was woken to be parked
	writing       bool // a frame is being written
	uses          int8 // of the descriptor while asleep; see hold

	mu   sync.Mutex // guards the flags above from closeSent on, what follows, and the order of deadlines
	err  error      // why the connection is over: the answer to every later call
	rare *rareState // see rarely
}

// A transport is what a Conn needs of the network connection below it.
type transport interface {
	io.ReadWriteCloser
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
}

// The bits of Conn.news: for keepalive and for the parker.
const (
	heard = 1 << iota
	stirred
)

// A rareState is what few connections need.
type rareState struct {
	retired  error           // what reads return, from when it is set
	messages bucket          // that were received; the reader's
	readCap  int64           // the most bytes that a message may have; see readCapped
	endBy    time.Time       // when ending: the last moment for a write
	watch    *readWatch      // of the read that goes on, when its context can end
	writers  []chan struct{} // that wait for their turn to write
	pings    map[string]chan struct{}
}

// rarely returns the rare state, to be changed. The caller holds mu.
func (c *Conn) rarely() *rareState {
	if c.rare == nil {
		c.rare = new(rareState)
	}
	return c.rare
}

// newConn returns the connection on nc, whose handshake is done. Its context derives
// from parent and carries scope, if any; rest are bytes that came after the handshake.
func newConn(parent context.Context, scope *Scope, nc net.Conn, client bool, set *settings, rest []byte) *Conn {
	c := &Conn{nc: nc, set: set, client: client, scope: scope}
	if parent != context.Background() {
		c.realize(parent)
	}
	c.initRaw()
	if len(rest) > 0 {
		c.in.buf = getReadBuffer()
		c.in.buf.b = append(c.in.buf.b, rest...)
	}
	c.set.keeper.add(c)
	return c
}

// Subprotocol returns the subprotocol that was agreed on, or "".
func (c *Conn) Subprotocol() string {
	if c.subprotocol == nil {
		return ""
	}
	return *c.subprotocol
}

// Errors that a Conn's methods return, beside *CloseError and those of the
// network. All of them, and every error of a connection that is over, satisfy
// errors.Is(err, net.ErrClosed), except ErrConcurrentRead.
var (
	// ErrConcurrentRead is returned by a read that begins while another goes on.
	ErrConcurrentRead = errors.New("websocket: concurrent read")

	// ErrPingTimeout ends a connection whose peer has not been heard of: neither
	// within one PingInterval, nor within another after a ping.
	ErrPingTimeout error = &closedError{"websocket: the peer does not answer pings", nil}
)

// A closedError is one that a connection has ended with.
type closedError struct {
	text  string
	cause error
}

func (e *closedError) Error() string {
	if e.cause == nil {
		return e.text
	}
	return e.text + ": " + e.cause.Error()
}

func (e *closedError) Unwrap() error        { return e.cause }
func (e *closedError) Is(target error) bool { return target == net.ErrClosed }

// Is makes errors.Is(err, net.ErrClosed) true for a connection closed by a close
// frame, as for any other that is over.
func (e *CloseError) Is(target error) bool { return target == net.ErrClosed }

// A lostError is that of a connection that ended without a close frame. Its text is
// made when it is asked for: nearly every connection ends in this way, and hardly
// anybody asks. Formatting it cost a tenth of a handshake.
type lostError struct {
	op    string
	cause error
}

// lost returns the error for a connection that ended without a close frame.
func lost(op string, cause error) error {
	if errors.Is(cause, io.EOF) {
		cause = io.ErrUnexpectedEOF
	}
	return &lostError{op, cause}
}

var errAbnormal = &CloseError{Code: StatusAbnormalClosure}

func (e *lostError) Error() string {
	return "websocket: " + e.op + ": " + e.cause.Error() + " (" + errAbnormal.Code.String() + ")"
}

func (e *lostError) Unwrap() []error { return []error{e.cause, errAbnormal} }

// fail records why the connection is over and cancels its context. The first
// reason stays: it is returned, now and to every later call.
func (c *Conn) fail(err error) error {
	c.mu.Lock()
	if c.err == nil {
		c.err = err
	}
	err = c.err
	c.stopped.Store(true)
	c.mu.Unlock()
	c.ending.Store(true)
	c.cancelContext(err)
	c.unpark()
	return err
}

// failure returns why the connection is over, or nil.
func (c *Conn) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// interrupt ends the connection from outside: its context is cancelled with
// cause, no frame is begun any more, the reader returns and a frame that is being
// written has CloseTimeout left. The close handshake is left to the reader's
// owner. It reports whether this was the first reason to end.
func (c *Conn) interrupt(cause error) bool {
	c.mu.Lock()
	first := c.err == nil
	if first {
		c.err = cause
		c.ending.Store(true)
		c.stopped.Store(true)
		c.wake = true
		endBy := time.Now().Add(c.set.closeTimeout)
		c.rarely().endBy = endBy
		if !c.shut {
			c.readBy(past)
			c.writeBy(endBy)
		}
	}
	c.mu.Unlock()
	if first {
		c.cancelContext(cause)
		c.unpark()
	}
	return first
}

// retire makes the reader return with cause, and every later one. Nothing else
// ends: what has begun may be finished.
func (c *Conn) retire(cause error) {
	c.mu.Lock()
	c.rarely().retired = cause
	c.stopped.Store(true)
	c.wake = true
	if !c.shut {
		c.readBy(past)
	}
	c.mu.Unlock()
	c.unpark()
}

// unreadable returns why nothing is read any more, or nil.
func (c *Conn) unreadable() error {
	if !c.stopped.Load() {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil || c.rare == nil {
		return c.err
	}
	return c.rare.retired
}

// past is a deadline that has gone by: it wakes what waits at once.
var past = time.Unix(1, 0)

// setReadDeadline sets the deadline unless the reader is being woken.
func (c *Conn) setReadDeadline(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.wake && !c.shut {
		c.readBy(t)
	}
}

// setWriteDeadline gives the writer d from now, and less when the connection is
// ending; 0 is no limit.
func (c *Conn) setWriteDeadline(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.shut {
		return
	}
	var t time.Time
	if d > 0 {
		t = time.Now().Add(d)
	}
	if c.rare != nil && !c.rare.endBy.IsZero() && (t.IsZero() || t.After(c.rare.endBy)) {
		t = c.rare.endBy
	}
	c.writeBy(t)
}

// readBy sets the deadline of reads. The caller holds mu, as for writeBy.
func (c *Conn) readBy(t time.Time) {
	c.rouse()
	c.nc.SetReadDeadline(t)
}

func (c *Conn) writeBy(t time.Time) {
	c.rouse()
	c.nc.SetWriteDeadline(t)
}

// network returns the transport to one who is going to wait for it.
func (c *Conn) network() transport {
	if c.asleep.Load() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.rouse()
	}
	return c.nc
}

// A readWatch ties a read to its context.
type readWatch struct{ stop func() bool }

// beginRead makes the caller the connection's reader until endRead, and lets the
// end of ctx wake it.
func (c *Conn) beginRead(ctx context.Context) error {
	if !c.reading.CompareAndSwap(false, true) {
		return ErrConcurrentRead
	}
	// The end of the connection's own context wakes the reader anyway.
	if c.owns(ctx) || ctx.Done() == nil {
		return nil
	}
	w := new(readWatch)
	c.mu.Lock()
	c.rarely().watch = w
	c.watched = true
	c.mu.Unlock()
	w.stop = context.AfterFunc(ctx, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.rare.watch == w && !c.shut {
			c.wake = true
			c.readBy(past)
		}
	})
	return nil
}

// endRead ends what beginRead began. A read that its context woke leaves the
// connection as if it had not been: what has been read of a message is kept.
func (c *Conn) endRead(ctx context.Context, err error) error {
	if !c.watched && err != errWoken {
		c.reading.Store(false)
		return err
	}
	c.mu.Lock()
	var w *readWatch
	if c.watched {
		w, c.rare.watch, c.watched = c.rare.watch, nil, false
	}
	asked := c.parkAsked && err == errWoken
	if (w != nil || asked) && c.wake && c.err == nil && (c.rare == nil || c.rare.retired == nil) {
		c.wake = false
		if asked && c.in.due != 0 { // within a message, whose time goes on
			c.readBy(epoch.Add(c.in.due))
		} else {
			c.in.due = 0
			c.readBy(time.Time{})
		}
	}
	c.parkAsked = false
	c.mu.Unlock()
	if w != nil {
		w.stop()
	}
	c.reading.Store(false)
	if err == errWoken {
		if cause := c.unreadable(); cause != nil {
			return cause
		}
		if asked && context.Cause(ctx) == nil {
			return errParked
		}
		return context.Cause(ctx)
	}
	return err
}

// errWoken is what a read ends with when its deadline was put into the past.
var errWoken = errors.New("websocket: read interrupted")
