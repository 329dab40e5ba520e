package channels

import (
	"context"
	"time"
)

// A connContext is a connection as its context. It is a context of package context
// only from when somebody waits for its end, or asks for its cause: most connections
// live without, and the real one takes four allocations and 250 bytes.
type connContext Conn

// A realContext is what a connContext stands for.
type realContext struct {
	context.Context
	cancel context.CancelCauseFunc
}

// Context returns the connection's context: it is cancelled when the connection
// ends, and [context.Cause] tells why.
func (c *Conn) Context() context.Context { return (*connContext)(c) }

// owns reports whether ctx is the connection's context.
func (c *Conn) owns(ctx context.Context) bool { return ctx == context.Context((*connContext)(c)) }

// realize makes the context real, once.
func (c *Conn) realize(parent context.Context) *realContext {
	c.mu.Lock()
	defer c.mu.Unlock()
	real := c.real.Load()
	if real == nil {
		real = new(realContext)
		real.Context, real.cancel = context.WithCancelCause(parent)
		if c.err != nil {
			real.cancel(c.err)
		}
		c.real.Store(real)
	}
	return real
}

// cancelContext ends the context, for the reason that was recorded.
func (c *Conn) cancelContext(cause error) {
	if real := c.real.Load(); real != nil {
		real.cancel(cause)
	}
}

// cause returns why the context has ended, or nil.
func (c *Conn) cause() error {
	if real := c.real.Load(); real != nil {
		return context.Cause(real.Context)
	}
	return c.failure()
}

func (x *connContext) Deadline() (deadline time.Time, ok bool) {
	if real := x.real.Load(); real != nil {
		return real.Deadline()
	}
	return time.Time{}, false
}

func (x *connContext) Done() <-chan struct{} {
	if real := x.real.Load(); real != nil {
		return real.Done()
	}
	return (*Conn)(x).realize(context.Background()).Done()
}

func (x *connContext) Err() error {
	if real := x.real.Load(); real != nil {
		return real.Err()
	}
	if (*Conn)(x).failure() != nil {
		return context.Canceled
	}
	return nil
}

func (x *connContext) Value(key any) any {
	if key == (scopeKey{}) && x.scope != nil {
		return x.scope
	}
	real := x.real.Load()
	if real == nil {
		if key != cancelKey && cancelKey != nil {
			return nil
		}
		real = (*Conn)(x).realize(context.Background())
	}
	return real.Value(key)
}

// cancelKey is the key by which package context finds what it can cancel, and the
// cause, in a context that is not its own. Were it not to ask any more, it would be
// nil, and every context become real at its first unknown key.
var cancelKey = func() any {
	var asked keyProbe
	context.Cause(&asked)
	return asked.key
}()

// A keyProbe remembers the key that it was asked for.
type keyProbe struct {
	context.Context
	key any
}

func (p *keyProbe) Value(key any) any {
	p.key = key
	return nil
}

func (p *keyProbe) Err() error { return nil }
