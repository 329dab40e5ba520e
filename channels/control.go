package channels

import (
	"context"
	"encoding/binary"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/sluicehq/sluice/channels/internal/frame"
)

// control handles a control frame; payload is valid until it returns.
func (c *Conn) control(opcode byte, payload []byte) error {
	if opcode == frame.Close {
		return c.receiveClose(payload)
	}
	if c.ending.Load() {
		return errWoken
	}
	if !c.in.controls.take(c.set.controls) {
		return c.failRead(StatusPolicyViolation, "too many control frames")
	}
	if opcode == frame.Ping {
		// RFC 6455, Section 5.5.3: a pong carries the data of the ping it answers.
		return c.writeControl(c.Context(), frame.Pong, payload)
	}
	// RFC 6455, Section 5.5.3: a pong that nobody asked for is not answered.
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rare == nil {
		return nil
	}
	if done, ok := c.rare.pings[string(payload)]; ok {
		delete(c.rare.pings, string(payload))
		close(done)
	}
	return nil
}

// Ping sends a ping and waits for its pong, which only a read can receive: another
// goroutine must be reading.
func (c *Conn) Ping(ctx context.Context) error {
	done := make(chan struct{})
	c.mu.Lock()
	rare := c.rarely()
	if rare.pings == nil {
		rare.pings = make(map[string]chan struct{})
	}
	id := strconv.FormatInt(time.Now().UnixNano(), 36)
	for rare.pings[id] != nil {
		id += "+"
	}
	rare.pings[id] = done
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(rare.pings, id)
		c.mu.Unlock()
	}()
	if err := c.writeControl(ctx, frame.Ping, []byte(id)); err != nil {
		return err
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-c.Context().Done():
		return c.failure()
	}
}

// receiveClose takes the peer's close frame, answers it unless a close frame was
// sent already, and ends the connection.
func (c *Conn) receiveClose(payload []byte) error {
	ce := &CloseError{Code: StatusNoStatus}
	switch {
	case len(payload) == 1:
		// RFC 6455, Section 5.5.1: if there is a body, its first two bytes are the
		// status code.
		return c.failRead(StatusProtocolError, "close frame of one byte")
	case len(payload) >= 2:
		ce.Code = StatusCode(binary.BigEndian.Uint16(payload))
		// RFC 6455, Section 7.4.2: other codes are reserved or never sent.
		if !ce.Code.Sendable() {
			return c.failRead(StatusProtocolError, "invalid close code")
		}
		// RFC 6455, Section 5.5.1: the reason is UTF-8.
		if !utf8.Valid(payload[2:]) {
			return c.failRead(StatusInvalidPayload, "invalid UTF-8 in a close reason")
		}
		ce.Reason = string(payload[2:])
	}
	c.mu.Lock()
	c.closeReceived = true
	c.mu.Unlock()
	// RFC 6455, Section 5.5.1: the answer usually echoes the status code. It waits
	// for the frame that is being written, but not for long.
	c.sendClose(ce.Code, "")
	c.fail(ce)
	c.shutdown()
	c.releaseInput()
	return ce
}

// failRead ends the connection because of what the peer sent: with a close frame
// of that code (RFC 6455, Section 7.1.7), then without waiting for an answer.
func (c *Conn) failRead(code StatusCode, reason string) error {
	err := c.fail(&readError{CloseError{Code: code, Reason: reason}})
	c.sendClose(code, reason)
	c.shutdown()
	c.releaseInput()
	return err
}

// A readError says what was wrong with what the peer sent. It is told from a
// *CloseError that the peer itself sent by its text only.
type readError struct{ CloseError }

func (e *readError) Error() string {
	return "websocket: " + e.Reason + " (closed with " + e.Code.String() + ")"
}

func (e *readError) Unwrap() error { return &e.CloseError }
