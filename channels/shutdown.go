package channels

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"
)

// errRestart ends the sockets of a server that shuts down.
var errRestart = &CloseError{Code: StatusServiceRestart, Reason: "the server restarts"}

// Shutdown ends the server: handshakes get 503 with Retry-After, listeners given to
// Serve are closed, and every socket is closed with 1012 (service restart), at a
// random moment within DrainWindow. What a handler has begun it may finish, a
// [Drainer] says goodbye, and what is queued is written, within CloseTimeout; a handler
// that reads learns it from the error, and may still send. Shutdown waits until all
// have ended, and returns nil; when ctx ends first, it ends what is left at once, waits
// for a second at most, and returns ctx's error.
func (srv *Server) Shutdown(ctx context.Context) error {
	st := srv.init()
	st.mu.Lock()
	first := !st.draining
	st.draining = true
	for l := range st.listeners {
		l.Close()
	}
	st.mu.Unlock()
	if first {
		srv.drain(ctx)
	}
	done := make(chan struct{})
	// Ends when the last socket has, and presence has said goodbye: with a handler that
	// does not hear, later than Shutdown.
	go func() {
		st.wg.Wait()
		st.presences.close()
		close(done)
	}()
	var err error
	select {
	case <-done:
	case <-ctx.Done():
		err = context.Cause(ctx)
		for _, s := range srv.snapshot() {
			s.abort()
		}
		st.cancel() // whoever waits for the layer
		select {
		case <-done:
		case <-time.After(abortGrace):
			srv.logger().Error("handlers do not return though their connections have ended", "sockets", len(srv.snapshot()))
		}
	}
	st.parker.close()
	return errors.Join(err, srv.unsubscribe(ctx))
}

// abortGrace is how long handlers have to return when the time for a shutdown is over.
const abortGrace = time.Second

// drain asks every socket to end, spread over the window. One that has ended by itself
// is not waited for.
func (srv *Server) drain(ctx context.Context) {
	st := &srv.state
	window := orDefault(srv.DrainWindow, defaultDrainWindow)
	if deadline, ok := ctx.Deadline(); ok {
		window = min(window, time.Until(deadline)/2)
	}
	sockets := srv.snapshot()
	rand.Shuffle(len(sockets), func(i, j int) { sockets[i], sockets[j] = sockets[j], sockets[i] })
	st.mu.Lock()
	for _, r := range st.rechecks {
		r.stop()
	}
	st.mu.Unlock()
	start := time.Now()
	for i, s := range sockets {
		// The i-th of n leaves within the i-th part of the window.
		at := time.Duration((float64(i) + rand.Float64()) / float64(len(sockets)) * float64(window))
		if wait := at - time.Since(start); wait > 0 {
			select {
			case <-time.After(wait):
			case <-s.Context().Done():
			case <-ctx.Done():
				return
			}
		}
		s.retire()
	}
}

// retire lets the socket finish what it is at, and then closes it with 1012: it ends at
// the next read, or, if that takes too long, by its context.
func (s *Socket) retire() {
	if s.conn != nil {
		s.conn.retire(errRestart)
	} else {
		s.other.retire(errRestart)
	}
	time.AfterFunc(s.closeTimeout(), func() { s.end(errRestart, true) })
}

// abort ends the connection without a word.
func (s *Socket) abort() {
	s.end(errRestart, false)
	if s.conn != nil {
		s.conn.CloseNow()
	} else {
		s.other.nc.Close()
	}
}

// unsubscribe announces what was published last and ends what the server has with the
// layer.
func (srv *Server) unsubscribe(ctx context.Context) error {
	st := &srv.state
	st.cancel()
	st.numbering.close()
	if srv.Layer != nil {
		ctx, cancel := context.WithTimeout(ctx, announceInterval)
		srv.announce(ctx, true)
		cancel()
	}
	st.subscribing <- struct{}{}
	defer func() { <-st.subscribing }()
	if st.disconnect == nil {
		return nil
	}
	cancel := st.disconnect
	st.disconnect = nil
	return cancel()
}

// ShutdownAll shuts an HTTP server and its sockets down, in the right order: new
// handshakes are refused first, while requests are still answered.
func ShutdownAll(ctx context.Context, hs *http.Server, srv *Server) error {
	err := srv.Shutdown(ctx)
	return errors.Join(err, hs.Shutdown(ctx))
}
