package channels

import (
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"time"
)

// extendedConnect reports whether r asks for a WebSocket on a stream of HTTP/2
// (RFC 8441, Section 5).
func extendedConnect(r *http.Request) bool {
	return r.ProtoMajor == 2 && r.Method == http.MethodConnect && r.Header.Get(":protocol") == "websocket"
}

// A stream is a stream of HTTP/2 as a net.Conn. The handler that it came to must not
// return before Close has: what it was given belongs to net/http afterwards.
//
// The deadlines of net/http's streams are for good: once one has passed, reading
// fails for ever, or the stream is reset. So a goroutine reads ahead, up to
// streamChunk bytes, and whoever waits for it does so under a deadline of our own.
type stream struct {
	rc            *http.ResponseController
	w             http.ResponseWriter
	body          io.Reader
	local, remote net.Addr

	mu      sync.Mutex
	changed sync.Cond // something below has

	unread   []byte // of what the pump has read
	readErr  error  // what it ended with
	readBy   time.Time
	readWake *time.Timer // for who waits until readBy

	writing   bool // Write is inside net/http
	cutting   bool // so is cutOff
	cut       bool // a write was cut off: the stream has been reset
	writeBy   time.Time
	writeWake *time.Timer // for a write that takes until writeBy

	closed bool
	pumped bool // the pump has ended
}

// streamChunk is how much of a stream is read ahead.
const streamChunk = 4 << 10

// openStream accepts, which status 200 does, and returns the stream whose two
// directions w and r's body are.
func openStream(w http.ResponseWriter, r *http.Request) (*stream, error) {
	s := &stream{rc: http.NewResponseController(w), w: w, body: r.Body, local: streamAddr(""), remote: parseAddr(r.RemoteAddr)}
	s.changed.L = &s.mu
	if a, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		s.local = a
	}
	// The time limits of the http.Server are for requests.
	if err := s.rc.SetReadDeadline(time.Time{}); err != nil {
		return nil, err
	}
	if err := s.rc.SetWriteDeadline(time.Time{}); err != nil {
		return nil, err
	}
	w.WriteHeader(http.StatusOK)
	if err := s.rc.Flush(); err != nil {
		return nil, err
	}
	go s.pump() // Close waits for it
	return s, nil
}

// pump reads ahead, until the stream ends.
func (s *stream) pump() {
	buf := make([]byte, streamChunk)
	for {
		n, err := s.body.Read(buf)
		s.mu.Lock()
		s.unread, s.readErr = buf[:n], err
		s.changed.Broadcast()
		for len(s.unread) > 0 && !s.closed {
			s.changed.Wait()
		}
		if err != nil || s.closed {
			s.pumped = true
			s.changed.Broadcast()
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
	}
}

func (s *stream) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.closed:
			return 0, net.ErrClosed
		case passed(s.readBy):
			return 0, os.ErrDeadlineExceeded
		case len(s.unread) > 0:
			n := copy(p, s.unread)
			if s.unread = s.unread[n:]; len(s.unread) == 0 {
				s.changed.Broadcast()
			}
			return n, nil
		case s.readErr != nil:
			return 0, s.readErr
		}
		s.changed.Wait()
	}
}

// Write writes p and waits until it is on its way. One goroutine at a time may call it.
func (s *stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	switch {
	case s.closed:
		s.mu.Unlock()
		return 0, net.ErrClosed
	case s.cut || passed(s.writeBy):
		s.mu.Unlock()
		return 0, os.ErrDeadlineExceeded
	}
	s.writing = true
	s.armWrite()
	s.mu.Unlock()

	n, err := s.w.Write(p)
	if err == nil {
		err = s.rc.Flush()
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	s.writing = false
	if s.writeWake != nil {
		s.writeWake.Stop()
	}
	s.changed.Broadcast()
	if s.cut {
		err = os.ErrDeadlineExceeded
	}
	return n, err
}

// Close ends the stream, and returns when nothing of it is used any more: after the
// handler's return net/http sends the end of the stream.
func (s *stream) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	if s.readWake != nil {
		s.readWake.Stop()
	}
	s.changed.Broadcast()
	s.mu.Unlock()
	s.cutOff()
	s.rc.SetReadDeadline(past) // the pump returns
	s.mu.Lock()
	for s.writing || s.cutting || !s.pumped {
		s.changed.Wait()
	}
	return nil
}

// cutOff makes a write that has begun return, when its time is over: the stream is
// reset.
func (s *stream) cutOff() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.writing || s.cut || !s.closed && !passed(s.writeBy) {
		return
	}
	s.cut, s.cutting = true, true
	s.mu.Unlock()
	s.rc.SetWriteDeadline(past)
	s.mu.Lock()
	s.cutting = false
	s.changed.Broadcast()
}

func (s *stream) SetDeadline(t time.Time) error {
	s.SetReadDeadline(t)
	return s.SetWriteDeadline(t)
}

func (s *stream) SetReadDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readBy = t
	switch {
	case s.closed:
		return net.ErrClosed
	case t.IsZero():
		if s.readWake != nil {
			s.readWake.Stop()
		}
	case s.readWake == nil:
		s.readWake = time.AfterFunc(time.Until(t), s.wake)
	default:
		s.readWake.Reset(time.Until(t))
	}
	s.changed.Broadcast()
	return nil
}

// wake lets who waits look at the clock.
func (s *stream) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed.Broadcast()
}

func (s *stream) SetWriteDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return net.ErrClosed
	}
	s.writeBy = t
	if s.writing {
		s.armWrite()
	}
	return nil
}

// armWrite sets the timer of the write that is begun.
func (s *stream) armWrite() {
	switch {
	case s.writeBy.IsZero():
		if s.writeWake != nil {
			s.writeWake.Stop()
		}
	case s.writeWake == nil:
		s.writeWake = time.AfterFunc(time.Until(s.writeBy), s.cutOff)
	default:
		s.writeWake.Reset(time.Until(s.writeBy))
	}
}

func passed(deadline time.Time) bool {
	return !deadline.IsZero() && !time.Now().Before(deadline)
}

func (s *stream) LocalAddr() net.Addr  { return s.local }
func (s *stream) RemoteAddr() net.Addr { return s.remote }

// A streamAddr is an address that is no host and port.
type streamAddr string

func (a streamAddr) Network() string { return "tcp" }
func (a streamAddr) String() string  { return string(a) }

func parseAddr(s string) net.Addr {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return net.TCPAddrFromAddrPort(ap)
	}
	return streamAddr(s)
}
