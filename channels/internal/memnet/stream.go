package memnet

import (
	"bytes"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// A stream is one direction of a connection: what one end writes and the other
// reads.
type stream struct {
	limit int

	mu      sync.Mutex
	changed *sync.Cond // with mu; every change is broadcast
	buf     bytes.Buffer
	writing bool  // a Write has begun and is not yet done: others wait for their turn
	ended   error // why there can be no more Write; Read finds io.EOF after buf
	gone    bool  // the reader has closed: nothing can be delivered
	read    deadline
	write   deadline
}

func newStream(limit int) *stream {
	s := &stream{limit: limit}
	s.changed = sync.NewCond(&s.mu)
	return s
}

// Read takes what is there. Like a socket it looks at the state first: a read
// deadline that has passed wins over bytes that could be read.
func (s *stream) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.gone:
			return 0, net.ErrClosed
		case len(p) == 0:
			return 0, nil
		case s.read.passed():
			return 0, os.ErrDeadlineExceeded
		case s.buf.Len() > 0:
			s.changed.Broadcast()
			return s.buf.Read(p)
		case s.ended != nil:
			return 0, io.EOF
		}
		s.changed.Wait()
	}
}

// Write returns when all of p is in the buffer. Several Writes at a time are done
// one after the other, never mixed.
func (s *stream) Write(p []byte) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.writing {
		if err := s.writeError(); err != nil {
			return 0, err
		}
		s.changed.Wait()
	}
	s.writing = true
	defer func() {
		s.writing = false
		s.changed.Broadcast()
	}()
	for {
		if err := s.writeError(); err != nil {
			return n, err
		}
		free := min(s.limit-s.buf.Len(), len(p)-n)
		s.buf.Write(p[n : n+free])
		n += free
		if n == len(p) {
			return n, nil
		}
		s.changed.Broadcast()
		s.changed.Wait()
	}
}

func (s *stream) writeError() error {
	switch {
	case s.ended != nil:
		return s.ended
	case s.gone:
		return io.ErrClosedPipe
	case s.write.passed():
		return os.ErrDeadlineExceeded
	}
	return nil
}

// end lets no more be written, for the reason err.
func (s *stream) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = err
	s.write.stop()
	s.changed.Broadcast()
}

// leave lets no more be read and drops what is there.
func (s *stream) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone = true
	s.buf = bytes.Buffer{}
	s.read.stop()
	s.changed.Broadcast()
}

// setDeadline sets s.read or s.write.
func (s *stream) setDeadline(d *deadline, t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d.stop()
	d.at = t
	if wait := time.Until(t); !t.IsZero() && wait > 0 {
		d.timer = time.AfterFunc(wait, s.wake)
	}
	s.changed.Broadcast()
}

// wake lets those who wait look at their deadlines. The lock is taken so that
// nobody is between looking and waiting.
func (s *stream) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed.Broadcast()
}

// A deadline is a moment after which a wait ends. The zero deadline never passes.
type deadline struct {
	at    time.Time
	timer *time.Timer // wakes those who wait; they see for themselves what time it is
}

func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}
