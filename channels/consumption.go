package channels

import "context"

// A consumption is one consumer at work for one socket. Between two messages all of
// its state is here and not on a stack, so that an idle one needs no goroutine.
type consumption struct {
	consumer any
	receive  func(context.Context, *Socket, Message) error
	borrow   bool
	begun    bool
}

// A consumerHandler makes the consumption for each socket.
type consumerHandler func() *consumption

// ServeSocket serves a socket whose goroutine belongs to a handler around this one,
// and is not given back.
func (begin consumerHandler) ServeSocket(ctx context.Context, s *Socket) (why error) {
	c := begin()
	defer func() { c.end(ctx, s, why) }()
	return c.ServeSocket(ctx, s)
}

// consume runs the consumer until its connection ends, or, if it may be parked,
// until it has been idle for a while: then whoever wakes it calls consume again.
func (s *Socket) consume() {
	s.stayAwake()
	for {
		err := s.serve(s.cons)
		if err == errParked {
			if s.park() {
				return
			}
			continue // something has happened meanwhile
		}
		s.srv.state.parker.forget(s)
		s.serve(HandlerFunc(func(ctx context.Context, s *Socket) error {
			s.cons.end(ctx, s, err)
			return nil
		}))
		s.finish(err)
		return
	}
}

// ServeSocket begins, or goes on.
func (c *consumption) ServeSocket(ctx context.Context, s *Socket) error {
	if !c.begun {
		c.begun = true
		if err := c.begin(ctx, s); err != nil {
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
		if err := c.dispatch(ctx, s, m); err != nil {
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

func (c *consumption) begin(ctx context.Context, s *Socket) error {
	if r, ok := c.consumer.(EventReceiver); ok {
		s.startEvents(r)
	}
	connector, ok := c.consumer.(Connector)
	if !ok {
		return nil
	}
	if err := s.takeTurn(); err != nil {
		return err
	}
	defer s.giveTurn()
	return connector.Connect(ctx, s)
}

func (c *consumption) dispatch(ctx context.Context, s *Socket, m Message) error {
	if s.turn == nil {
		return c.receive(ctx, s, m)
	}
	if err := s.takeTurn(); err != nil {
		return err
	}
	defer s.giveTurn()
	return c.receive(ctx, s, m)
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
	if s.conn == nil {
		return c.nextOther(s)
	}
	if s.out.gathered && !s.conn.more() {
		s.out.gathered = false
		s.out.flush()
	}
	if err := s.out.settle(s.ctx); err != nil {
		return Message{}, err
	}
	if err := s.conn.beginRead(s.ctx); err != nil {
		return Message{}, err
	}
	m, err := s.conn.readMessage(c.borrow)
	if err = s.conn.endRead(s.ctx, err); err != nil {
		return Message{}, err
	}
	if !s.out.gathered && (!s.out.raw() || s.conn.more()) {
		s.out.gathered = true
		s.out.beginGather()
	}
	return m, nil
}

func (c *consumption) nextOther(s *Socket) (Message, error) {
	s.out.flush()
	if err := s.out.settle(s.ctx); err != nil {
		return Message{}, err
	}
	m, err := s.other.read(s.ctx, s)
	if err == nil {
		s.out.beginGather()
	}
	return m, err
}
