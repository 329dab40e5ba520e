package channels_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/wstest"
)

// A sluggish layer takes until its context ends, or for an hour, to subscribe to what begins
// with prefix.
type sluggish struct {
	channels.MemoryLayer
	prefix string
}

func (l *sluggish) Subscribe(ctx context.Context, topic string, deliver func([]byte), gap func()) (func() error, error) {
	if strings.HasPrefix(topic, l.prefix) {
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(time.Hour):
		}
	}
	return l.MemoryLayer.Subscribe(ctx, topic, deliver, gap)
}

// Who is the first of a process in a group waits for the layer no longer than its context
// lets it, and the others no longer than theirs.
func TestJoinEndsWithContext(t *testing.T) {
	tests := map[string]struct {
		topic string
		join  func(context.Context, *channels.Server, *channels.Socket) error
	}{
		"Join": {"group:", func(ctx context.Context, _ *channels.Server, s *channels.Socket) error {
			return s.Join(ctx, "lobby")
		}},
		"Track": {"presence:", func(ctx context.Context, _ *channels.Server, s *channels.Socket) error {
			return s.Track(ctx, "lobby", "alice", nil)
		}},
		"Members": {"presence:", func(ctx context.Context, server *channels.Server, _ *channels.Socket) error {
			_, err := server.Members(ctx, "lobby")
			return err
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := quiet()
				server.Layer = &sluggish{prefix: test.topic}
				srv := wstest.NewServer(t, server.HandlerFunc(func(ctx context.Context, s *channels.Socket) error {
					var wg sync.WaitGroup
					defer wg.Wait()
					for _, limit := range []time.Duration{time.Second, 3 * time.Second} {
						wg.Go(func() {
							short, cancel := context.WithTimeout(ctx, limit)
							defer cancel()
							start := time.Now()
							err := test.join(short, server, s)
							if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took != limit {
								t.Errorf("%v after %v, want DeadlineExceeded after %v", err, took, limit)
							}
						})
						synctest.Wait()
					}
					return nil
				}))
				srv.Dial("/").WantClose(channels.StatusNormalClosure)
				if err := server.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// While the layer cannot be reached every handshake fails after the same time: none waits
// for the failure of those before it.
func TestHandshakesWithoutLayer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := quiet()
		server.Layer = &sluggish{prefix: "disconnect"}
		srv := wstest.NewServer(t, server.HandlerFunc(echo))
		start := time.Now()
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				err := srv.Dial("/").Discard(t.Context())
				if channels.CloseStatus(err) != channels.StatusServiceRestart {
					t.Errorf("a handshake without a layer: %v, want 1012", err)
				}
			})
		}
		wg.Wait()
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("the last was refused after %v, want 10s", took)
		}
		if err := server.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// Calls of Join and Leave at the same time leave a socket that is in what it says to be in.
func TestJoinWhileLeaving(t *testing.T) {
	const rounds = 1000
	server := quiet()
	srv := wstest.NewServer(t, server.HandlerFunc(func(ctx context.Context, s *channels.Socket) error {
		var wg sync.WaitGroup
		for i := range rounds {
			if err := s.Join(ctx, "lobby"); err != nil {
				return err
			}
			wg.Go(func() {
				if i%2 == 0 {
					s.Leave(ctx, "lobby")
				} else {
					s.Scope().LeaveGroups()
				}
			})
			for len(s.Groups()) > 0 { // it leaves now
			}
			if err := s.Join(ctx, "lobby"); err != nil {
				return err
			}
			wg.Wait()
			in := len(s.Groups())
			if err := server.Broadcast(ctx, "lobby", channels.Text("hello")); err != nil {
				return err
			}
			if err := s.Send(ctx, channels.Text(fmt.Sprint(in))); err != nil {
				return err
			}
			if err := s.Flush(ctx); err != nil {
				return err
			}
		}
		return nil
	}))
	c := srv.Dial("/")
	for i := range rounds {
		got := c.Receive()
		heard := 0
		if string(got.Data) == "hello" {
			heard, got = 1, c.Receive()
		}
		if string(got.Data) != fmt.Sprint(heard) {
			t.Fatalf("round %d: the socket is in %s groups, and was sent %d messages", i, got.Data, heard)
		}
	}
	c.WantClose(channels.StatusNormalClosure)
}

// Calls of Join at the same time together respect MaxGroups (R11).
func TestJoinsAtOnceAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := quiet()
		server.MaxGroups = 3
		server.Layer = &late{}
		srv := wstest.NewServer(t, server.HandlerFunc(func(ctx context.Context, s *channels.Socket) error {
			var wg sync.WaitGroup
			for i := range 10 {
				wg.Go(func() {
					if err := s.Join(ctx, fmt.Sprint("g", i)); err != nil && !errors.Is(err, channels.ErrTooManyGroups) {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if n := len(s.Groups()); n != 3 {
				t.Errorf("the socket is in %d groups, want 3", n)
			}
			return nil
		}))
		srv.Dial("/").WantClose(channels.StatusNormalClosure)
		if err := server.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// Who joins after the handler has returned, when what it sent is still being written, is
// told that it is too late.
func TestJoinAfterHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := quiet()
		sockets := make(chan *channels.Socket, 1)
		srv := wstest.NewServer(t, server.HandlerFunc(func(ctx context.Context, s *channels.Socket) error {
			sockets <- s
			return s.Send(ctx, channels.Text(strings.Repeat("x", 1<<20)))
		}))
		c := srv.Dial("/")
		s := <-sockets
		synctest.Wait() // for the client to read
		if err := s.Join(t.Context(), "lobby"); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Join: %v, want net.ErrClosed", err)
		}
		if err := s.Track(t.Context(), "lobby", "alice", nil); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Track: %v, want net.ErrClosed", err)
		}
		c.CloseNow()
	})
}

// A late layer takes a second to subscribe.
type late struct{ channels.MemoryLayer }

func (l *late) Subscribe(ctx context.Context, topic string, deliver func([]byte), gap func()) (func() error, error) {
	time.Sleep(time.Second)
	return l.MemoryLayer.Subscribe(ctx, topic, deliver, gap)
}
