package channels_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/internal/memnet"
	"github.com/sluicehq/sluice/channels/wstest"
)

// R16: every socket gets 1012, spread over the window; handshakes get 503.
func TestShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := quiet()
		srv := wstest.NewServer(t, server.HandlerFunc(echo))
		const n = 50
		closed := make(chan time.Duration, n)
		start := time.Now()
		for range n {
			c := srv.Dial("/")
			go func() {
				_, err := c.Read(context.Background())
				if channels.CloseStatus(err) != channels.StatusServiceRestart {
					t.Errorf("a client was told %v", err)
				}
				closed <- time.Since(start)
			}()
		}
		synctest.Wait()
		done := make(chan error)
		go func() { done <- server.Shutdown(t.Context()) }()
		synctest.Wait()
		resp := srv.DialRefused("/")
		if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
			t.Errorf("a handshake got %d, Retry-After %q", resp.StatusCode, resp.Header.Get("Retry-After"))
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		var early, late int
		for range n {
			switch d := <-closed; {
			case d < 2500*time.Millisecond:
				early++
			case d <= 5*time.Second:
				late++
			default:
				t.Errorf("a socket was closed after %v, want at most 5s", d)
			}
		}
		if early < 20 || late < 20 {
			t.Errorf("%d sockets closed in the first half of the window, %d in the second", early, late)
		}
	})
}

// What a consumer has begun it finishes, and what it sent is written, before the
// close.
func TestShutdownLetsWorkFinish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := quiet()
		srv := wstest.NewServer(t, server.Handler(channels.Consume(func() slow { return slow{} })))
		c := srv.Dial("/")
		c.Send("work")
		synctest.Wait()
		done := make(chan error)
		go func() { done <- server.Shutdown(t.Context()) }()
		c.Want("done")
		c.WantClose(channels.StatusServiceRestart)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

type slow struct{}

func (slow) Receive(ctx context.Context, s *channels.Socket, m channels.Message) error {
	select {
	case <-time.After(3 * time.Second):
		return s.Send(ctx, channels.Text("done"))
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// A handler is not cut off in what it does, may send when it is told by Read, and a
// consumer behind it says goodbye.
func TestShutdownTellsHandlers(t *testing.T) {
	handlers := map[string]channels.Handler{
		"handler": channels.HandlerFunc(func(ctx context.Context, s *channels.Socket) error {
			for {
				m, err := s.Read(ctx)
				if err != nil {
					s.Send(ctx, channels.Text("goodbye"))
					return err
				}
				if err := (polite{}).Receive(ctx, s, m); err != nil {
					return err
				}
			}
		}),
		"consumer": channels.Consume(func() polite { return polite{} }),
		"consumer behind a handler": channels.HandlerFunc(func(ctx context.Context, s *channels.Socket) error {
			return channels.Consume(func() polite { return polite{} }).ServeSocket(ctx, s)
		}),
	}
	for name, h := range handlers {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := quiet()
				srv := wstest.NewServer(t, server.Handler(h))
				idle, busy := srv.Dial("/"), srv.Dial("/")
				busy.Send("work")
				synctest.Wait()
				done := make(chan error)
				go func() { done <- server.Shutdown(t.Context()) }()
				busy.Want("done")
				for _, c := range []*wstest.Client{busy, idle} {
					c.Want("goodbye")
					c.WantClose(channels.StatusServiceRestart)
				}
				if err := <-done; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// So it is with connections of another protocol.
func TestShutdownTellsOtherProtocols(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := quiet()
		l := memnet.Listen()
		served := make(chan error)
		go func() {
			served <- server.Serve(l, lineProtocol, channels.Consume(func() polite { return polite{} }))
		}()
		dial := func(say string) *bufio.Reader {
			nc, err := l.Dial(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { nc.Close() })
			fmt.Fprint(nc, say)
			return bufio.NewReader(nc)
		}
		idle, busy := dial("anna\n"), dial("bert\nwork\n")
		synctest.Wait()
		done := make(chan error)
		go func() { done <- server.Shutdown(t.Context()) }()
		for r, want := range map[*bufio.Reader]string{
			idle: "goodbye\nbye 1012 the server restarts\n",
			busy: "done\ngoodbye\nbye 1012 the server restarts\n",
		} {
			if got, err := io.ReadAll(r); string(got) != want || err != nil {
				t.Errorf("received %q, %v; want %q", got, err, want)
			}
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := <-served; err != channels.ErrDraining {
			t.Errorf("Serve returned %v", err)
		}
	})
}

// polite takes 3 s for a message and says goodbye.
type polite struct{ slow }

func (polite) Drain(ctx context.Context, s *channels.Socket) error {
	return s.Send(ctx, channels.Text("goodbye"))
}

// What Drain returns decides the close code, and it has CloseTimeout.
func TestDrain(t *testing.T) {
	tests := map[string]struct {
		drain func(context.Context) error
		code  channels.StatusCode
		after time.Duration
	}{
		"nil":        {func(context.Context) error { return nil }, channels.StatusServiceRestart, 0},
		"CloseError": {func(context.Context) error { return channels.Closef(4001, "moved") }, 4001, 0},
		"panic":      {func(context.Context) error { panic("on demand") }, channels.StatusInternalError, 0},
		"too long":   {func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, channels.StatusServiceRestart, 2 * time.Second},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := quiet()
				server.DrainWindow, server.Upgrader.CloseTimeout = -1, 2*time.Second
				server.Panic = func(context.Context, any, []byte) {}
				c := wstest.NewServer(t, server.Handler(channels.Consume(func() drainer { return drainer{tt.drain} }))).Dial("/")
				synctest.Wait()
				start, done := time.Now(), make(chan error)
				go func() { done <- server.Shutdown(t.Context()) }()
				c.WantClose(tt.code)
				if d := time.Since(start); d != tt.after {
					t.Errorf("it was closed after %v, want %v", d, tt.after)
				}
				if err := <-done; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

type drainer struct{ drain func(context.Context) error }

func (drainer) Receive(context.Context, *channels.Socket, channels.Message) error { return nil }

func (d drainer) Drain(ctx context.Context, _ *channels.Socket) error { return d.drain(ctx) }

// The rest of the window is not waited for when nobody is left.
func TestShutdownOfGoneSockets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := quiet()
		server.DrainWindow = time.Hour
		srv := wstest.NewServer(t, server.HandlerFunc(echo))
		var clients []*wstest.Client
		for range 20 {
			clients = append(clients, srv.Dial("/"))
		}
		start, done := time.Now(), make(chan error)
		go func() { done <- server.Shutdown(t.Context()) }()
		synctest.Wait()
		for _, c := range clients {
			c.CloseNow()
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		if d := time.Since(start); d > 10*time.Second {
			t.Errorf("Shutdown took %v, though all clients had left", d)
		}
	})
}

// A handler that does not hear its context end is not waited for longer than a
// second after the end of Shutdown's.
func TestShutdownDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := quiet()
		release := make(chan struct{})
		srv := wstest.NewServer(t, server.HandlerFunc(func(context.Context, *channels.Socket) error {
			<-release
			return nil
		}))
		c := srv.Dial("/")
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if err := server.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Shutdown returned %v", err)
		}
		if d := time.Since(start); d != 2*time.Second {
			t.Errorf("Shutdown took %v, want 2s: the context's and the handlers'", d)
		}
		if _, err := c.Read(t.Context()); err == nil {
			t.Error("the connection is still open")
		}
		close(release)
		synctest.Wait()
		if n := server.Stats().Sockets; n != 0 {
			t.Errorf("%d sockets are left", n)
		}
	})
}

// A handler that hears it ends in time.
func TestShutdownAborts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := quiet()
		srv := wstest.NewServer(t, server.HandlerFunc(func(ctx context.Context, s *channels.Socket) error {
			<-ctx.Done()
			return nil
		}))
		srv.Dial("/")
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if err := server.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Shutdown returned %v", err)
		}
		if d := time.Since(start); d != time.Second {
			t.Errorf("Shutdown took %v, want 1s", d)
		}
	})
}
