package channels_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/wstest"
)

// An unsteady layer loses what is published while it is down, and says so.
type unsteady struct {
	channels.MemoryLayer
	down atomic.Bool
	mu   sync.Mutex
	gaps []func()
}

func (l *unsteady) Publish(ctx context.Context, topic string, msg []byte) error {
	if l.down.Load() {
		return errors.New("the engine cannot be reached")
	}
	return l.MemoryLayer.Publish(ctx, topic, msg)
}

func (l *unsteady) Subscribe(ctx context.Context, topic string, deliver func([]byte), gap func()) (func() error, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gaps = append(l.gaps, gap)
	return l.MemoryLayer.Subscribe(ctx, topic, deliver, gap)
}

func (l *unsteady) back() {
	l.down.Store(false)
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, gap := range l.gaps {
		gap()
	}
}

// After an outage consumers learn that they may have missed something, and who was
// logged out meanwhile is found by asking, before the interval is over (A23).
func TestGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		layer, server := new(unsteady), quiet()
		server.Layer = layer
		server.Upgrader.PingInterval = -1 // the clients do not always read
		var gapped atomic.Value
		server.Gap = func(group string) { gapped.Store(group) }
		var revoked atomic.Bool
		r := &rechecker{reject: func(s *channels.Scope) error {
			if revoked.Load() && s.Path() == "/revoked" {
				return errors.New("logged out")
			}
			return nil
		}}
		g := channels.Guard{Rechecker: r, Interval: time.Hour}
		srv := wstest.NewServer(t, guarded(server, g, channels.Consume(func() *room { return &room{server, new(journal), "lobby"} })))
		stays, revokedOne := srv.Dial("/"), srv.Dial("/revoked")
		synctest.Wait()

		layer.down.Store(true)
		if err := server.Broadcast(t.Context(), "lobby", channels.Text("lost")); err == nil {
			t.Error("a broadcast that was not published is no error")
		}
		if err := server.Disconnect(t.Context(), "user:1", ""); err == nil {
			t.Error("a disconnect that other processes were not told of is no error")
		}
		revoked.Store(true)
		layer.back()
		stays.Want(channels.EventGap + " ")
		if got := gapped.Load(); got != "lobby" {
			t.Errorf("Gap was called with %v", got)
		}
		err := revokedOne.Discard(t.Context()) // the gap may be told before the end, or not any more
		if channels.CloseStatus(err) != channels.StatusUnauthorized {
			t.Errorf("the one that was revoked was told %v", err)
		}
		stays.WantNothing(time.Minute)
		stays.CloseNow()
		if err := server.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
