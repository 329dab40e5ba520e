package auth_test

import (
	"context"
	"io"
	"net"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/auth"
)

// 100,000 connections of distinct users make 100 queries for each recheck, none for more
// than 1,000 users.
func TestRecheckOfMany(t *testing.T) {
	const n = 100_000
	backend := &counting{user: everybody}
	gate := &auth.Gate[Person]{Backends: []auth.Backend[Person]{backend}, Logger: quiet}
	scopes, rechecker := adoptedMany(t, gate, n)
	backend.count()
	for chunk := 0; chunk < n; chunk += 1000 { // as a Server asks
		if verdicts := rechecker.Recheck(t.Context(), scopes[chunk:chunk+1000]); verdicts != nil {
			t.Fatalf("verdicts %v", verdicts)
		}
	}
	if calls, most := backend.count(); calls != n/1000 || most != 1000 {
		t.Errorf("%d queries of up to %d users, want %d of 1,000", calls, most, n/1000)
	}
}

// The same with open sockets, for as long as they are open.
func TestRecheckOfManySockets(t *testing.T) {
	const n = manySockets
	synctest.Test(t, func(t *testing.T) {
		backend := &counting{user: everybody}
		srv := &channels.Server{Logger: quiet, DrainWindow: -1}
		gate := &auth.Gate[Person]{Backends: []auth.Backend[Person]{backend}, Revoker: srv, Logger: quiet}
		l := &crowd{conns: make(chan net.Conn), closed: make(chan struct{})}
		var mu sync.Mutex
		opened := 0
		protocol := channels.Protocol{Name: "crowd", Open: func(ctx context.Context, nc net.Conn) (context.Context, channels.MessageConn, error) {
			mu.Lock()
			opened++
			id := strconv.Itoa(opened)
			mu.Unlock()
			return ctx, silent{nc}, gate.AdoptGrant(ctx, auth.Grant{UserID: id})
		}}
		var serving sync.WaitGroup
		serving.Go(func() { // ends with Shutdown
			srv.Serve(l, protocol, channels.HandlerFunc(func(ctx context.Context, s *channels.Socket) error {
				_, err := s.Read(ctx)
				return err
			}))
		})
		for range n {
			l.conns <- newQuietConn()
		}
		synctest.Wait()
		if calls, _ := backend.count(); calls != n || opened != n {
			t.Fatalf("%d sockets, %d queries", opened, calls)
		}
		const rounds = 20 // with a jitter of ±10 %
		time.Sleep(rounds * time.Minute)
		calls, most := backend.count()
		if got := calls / (n / 1000); got < rounds*9/10 || got > rounds*11/10+1 || calls%(n/1000) != 0 || most != 1000 {
			t.Errorf("%d queries of up to %d users, want %d for each of about %d rechecks", calls, most, n/1000, rounds)
		}
		// One who is gone is found among them all, and nobody else.
		backend.mu.Lock()
		backend.user = func(id string) (Person, bool) { return Person{ID: id}, id != "1234" }
		backend.mu.Unlock()
		time.Sleep(2 * time.Minute)
		left := 0
		for range srv.Sockets() {
			left++
		}
		if left != n-1 {
			t.Errorf("%d sockets are left of %d, want one less", left, n)
		}
		if err := srv.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		serving.Wait()
	})
}

// A crowd is a listener of connections that are handed to it.
type crowd struct {
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (c *crowd) Accept() (net.Conn, error) {
	select {
	case nc := <-c.conns:
		return nc, nil
	case <-c.closed:
		return nil, net.ErrClosed
	}
}

func (c *crowd) Close() error { c.once.Do(func() { close(c.closed) }); return nil }

func (c *crowd) Addr() net.Addr { return nil }

// A quietConn is a connection that nothing comes from, until a deadline in the past or its
// end.
type quietConn struct {
	net.Conn // nil
	once     sync.Once
	over     chan struct{}
}

func newQuietConn() *quietConn { return &quietConn{over: make(chan struct{})} }

func (q *quietConn) Read([]byte) (int, error) { <-q.over; return 0, net.ErrClosed }

func (q *quietConn) Write(p []byte) (int, error) { return len(p), nil }

func (q *quietConn) Close() error { q.once.Do(func() { close(q.over) }); return nil }

func (q *quietConn) RemoteAddr() net.Addr { return nil }

func (q *quietConn) SetDeadline(at time.Time) error {
	if !at.IsZero() && !at.After(time.Now()) {
		q.Close()
	}
	return nil
}

func (q *quietConn) SetReadDeadline(at time.Time) error { return q.SetDeadline(at) }
func (q *quietConn) SetWriteDeadline(time.Time) error   { return nil }

// silent are messages that never come.
type silent struct{ nc net.Conn }

func (s silent) Read(context.Context) (channels.Message, error) {
	if _, err := s.nc.Read(nil); err != nil {
		return channels.Message{}, io.EOF
	}
	return channels.Message{}, nil
}

func (silent) Write(context.Context, channels.Message) error { return nil }
func (silent) Close(channels.StatusCode, string) error       { return nil }
