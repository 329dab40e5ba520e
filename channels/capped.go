package channels

import (
	"context"
	"fmt"
)

// ReadCapped is Read for a message of at most n bytes, such as the first one of a client
// that has not said yet who it is. A longer one closes a WebSocket with 1009 (message
// too big), by its header: it is not read. Of another protocol it is read, and an error.
// Where Limits.MessageSize is less it holds.
func (s *Socket) ReadCapped(ctx context.Context, n int) (Message, error) {
	if s.conn != nil {
		s.conn.capRead(int64(n))
		defer s.conn.capRead(0)
	}
	m, err := s.Read(ctx)
	if err == nil && len(m.Data) > n {
		return Message{}, &CloseError{Code: StatusMessageTooBig, Reason: fmt.Sprintf("the message has over %d bytes", n)}
	}
	return m, err
}

// capRead bounds the messages that are read from now on, until it is called with 0. Only
// the reader may call it.
func (c *Conn) capRead(n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rarely().readCap = n
	c.in.capped = n > 0
}

// messageSize is the most bytes that a message may have; 0 is no limit.
func (c *Conn) messageSize() int64 {
	if !c.in.capped {
		return c.set.messageSize
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if size := c.set.messageSize; size > 0 {
		return min(size, c.rare.readCap)
	}
	return c.rare.readCap
}
