package channels_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/channels"
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

// A handler that does not hear is not waited for longer than the context allows.
func TestShutdownDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := quiet()
		release := make(chan struct{})
		srv := wstest.NewServer(t, server.HandlerFunc(func(ctx context.Context, s *channels.Socket) error {
			<-ctx.Done()
			return nil
		}))
		c := srv.Dial("/")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		err := server.Shutdown(ctx)
		if d := time.Since(start); d > 2*time.Second {
			t.Errorf("Shutdown took %v", d)
		}
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		close(release)
		c.CloseNow()
	})
}
