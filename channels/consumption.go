package channels

import (
	"context"
	"errors"
)

// A consumerHandler serves sockets by consumers.
type consumerHandler struct {
	begin   func() any // returns a consumer
	receive func(ctx context.Context, consumer any, s *Socket, m Message) error
	borrow  bool
}

// A consumption is one consumer at work for one socket. Between two messages all of
// its state is here and not on a stack, so that an idle one needs no goroutine.
type consumption struct {
	*consumerHandler
	consumer any
	begun    bool
	moves    bool // its goroutine may be changed for another
}

// ServeSocket serves a socket whose goroutine belongs to a handler around this one,
// and is not given back.
func (h *consumerHandler) ServeSocket(ctx context.Context, s *Socket) (why error) {
	c := consumption{consumerHandler: h}
	defer func() { c.end(ctx, s, why) }()
	return c.serve(ctx, s)
}

// consumes reports whether h is the handler of a consumer, and then makes the socket
// ready for consume.
func (s *Socket) consumes(h Handler) bool {
	ch, ok := h.(*consumerHandler)
	if ok {
		s.cons.consumerHandler = ch
	}
	return ok
}

// consume runs the consumer until its connection ends, or, if it may be parked,
// until it has been idle for a while: then whoever wakes it calls consume again.
//
// It is the first frame of the goroutine's stack. From here to the system call the
// functions have small frames, and leave to others what happens rarely: so the stack
// of a socket whose consumer does little stays at 2 KiB, where it would be 4.
func (s *Socket) consume() {
	defer func() {
		if v := recover(); v != nil {
			s.endConsume(s.panicked(v))
		}
	}()
	if !s.visit() {
		s.stayAwake()
	}
	for {
		switch err := s.cons.serve(s.Context(), s); err {
		case errConnected:
			go s.consume() // as this goroutine, which ends
			return
		case errParked:
			if s.park() {
				return
			}
			// Something has happened meanwhile.
		default:
			s.endConsume(err)
			return
		}
	}
}

// errConnected asks for a goroutine with a new stack: Connect looks at databases, say,
// and a stack that has grown does not become small again.
var errConnected = errors.New("channels: connected")

// endConsume ends the socket after its consumer has returned err.
//
//go:noinline
func (s *Socket) endConsume(err error) {
	s.srv.state.parker.forget(s)
	s.serve(HandlerFunc(func(ctx context.Context, s *Socket) error {
		s.cons.end(ctx, s, err)
		return nil
	}))
	s.finish(err)
}

// serve begins, or goes on.
func (c *consumption) serve(ctx context.Context, s *Socket) error {
	if !c.begun {
		if err := c.start(ctx, s); err != nil {
			return err
		}
	}
	for {
		m, err := c.next(s)
		if err == errRestart {
			return c.goodbye(ctx, s)
		}
		if err != nil {
			return err
		}
		if s.events == nil {
			err = c.receive(ctx, c.consumer, s, m)
		} else {
			err = c.receiveInTurn(ctx, s, m)
		}
		if err != nil {
			return err
		}
	}
}

// goodbye lets the consumer say it, when its connection could still go on, and returns
// what that is closed with.
func (c *consumption) goodbye(ctx context.Context, s *Socket) error {
	d, ok := c.consumer.(Drainer)
	if !ok || s.cause() != nil {
		return errRestart
	}
	if err := s.takeTurn(); err != nil {
		return err
	}
	defer s.giveTurn()
	if err := d.Drain(ctx, s); err != nil {
		return err
	}
	return errRestart
}

func (c *consumption) start(ctx context.Context, s *Socket) error {
	c.begun = true
	c.consumer = c.begin()
	if r, ok := c.consumer.(EventReceiver); ok {
		s.startEvents(r)
	}
	connector, ok := c.consumer.(Connector)
	if !ok {
		return nil
	}
	if err := c.connect(ctx, s, connector); err != nil || !c.moves {
		return err
	}
	return errConnected
}

func (c *consumption) connect(ctx context.Context, s *Socket, connector Connector) error {
	if err := s.takeTurn(); err != nil {
		return err
	}
	defer s.giveTurn()
	return connector.Connect(ctx, s)
}

func (c *consumption) receiveInTurn(ctx context.Context, s *Socket, m Message) error {
	if err := s.takeTurn(); err != nil {
		return err
	}
	defer s.giveTurn()
	return c.receive(ctx, c.consumer, s, m)
}

func (c *consumption) end(ctx context.Context, s *Socket, why error) {
	s.stopEvents()
	if d, ok := c.consumer.(Disconnector); ok {
		d.Disconnect(ctx, s, why)
	}
}

// next returns the next message. While messages are at hand that arrived together,
// what is sent is gathered; before waiting for more it is written.
func (c *consumption) next(s *Socket) (Message, error) {
	conn := s.conn
	if conn == nil {
		return c.nextOther(s)
	}
	if s.out.gathered && !conn.more() {
		s.out.gathered = false
		s.out.flush()
	}
	if err := s.out.settle(s.Context()); err != nil {
		return Message{}, err
	}
	// As beginRead does: the connection's own context needs no watch.
	if !conn.reading.CompareAndSwap(false, true) {
		return Message{}, ErrConcurrentRead
	}
	m, err := conn.readMessage(c.borrow)
	if err != nil {
		return Message{}, conn.endRead(s.Context(), err)
	}
	conn.reading.Store(false)
	if !s.out.gathered && (!s.out.raw() || conn.more()) {
		s.out.gathered = true
		s.out.beginGather()
	}
	return m, nil
}

func (c *consumption) nextOther(s *Socket) (Message, error) {
	s.out.flush()
	if err := s.out.settle(s.Context()); err != nil {
		return Message{}, err
	}
	m, err := s.other.read(s.Context(), s)
	if err == nil {
		s.out.beginGather()
	}
	return m, err
}
