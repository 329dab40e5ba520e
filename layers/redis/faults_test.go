package redislayer_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sluicehq/sluice/layers/internal/faults"
	"github.com/sluicehq/sluice/layers/internal/layertest"
	redislayer "github.com/sluicehq/sluice/layers/redis"
)

func TestStorm(t *testing.T) {
	server := startProcess(t)
	proxy, direct := server.front(t), server.front(t)
	storm := faults.Storm{
		Proxy:     proxy,
		Publisher: connect(t, direct.Addr(), nil),
		Receiver:  connect(t, proxy.Addr(), &redislayer.Options{Redis: impatient}),
	}
	storm.Run(t, 3*time.Second)
}

func TestStormBehind(t *testing.T) {
	proxy := startProcess(t).front(t)
	layer := connect(t, proxy.Addr(), &redislayer.Options{Redis: impatient})
	storm := faults.Storm{Proxy: proxy, Publisher: layer, Receiver: layer, Behind: true}
	storm.Run(t, 3*time.Second)
}

// The answer to a Publish is lost: it fails, but the message has been delivered,
// and is not sent again.
func TestAnswerLost(t *testing.T) {
	server := startProcess(t)
	proxy, direct := server.front(t), server.front(t)
	s := layertest.Subscribe(t, connect(t, direct.Addr(), nil), "topic")
	layer := connect(t, proxy.Addr(), &redislayer.Options{Redis: impatient})
	layertest.Publish(t, layer, "topic", "first")
	s.Want(t, "first")
	proxy.Deafen()
	if err := layer.Publish(t.Context(), "topic", []byte("second")); err == nil {
		t.Error("Publish whose answer was lost returned no error")
	}
	s.Want(t, "second")
	layertest.Publish(t, layer, "topic", "third")
	s.Want(t, "third")
}

// No call waits longer than its context for a server that says nothing.
func TestSilentServer(t *testing.T) {
	proxy := startProcess(t).front(t)
	layer := connect(t, proxy.Addr(), nil)
	layertest.Subscribe(t, layer, "topic")
	release := proxy.Hold()
	defer release()
	for name, call := range map[string]func(context.Context) error{
		"Publish": func(ctx context.Context) error { return layer.Publish(ctx, "topic", nil) },
		"Subscribe": func(ctx context.Context) error {
			_, err := layer.Subscribe(ctx, "other", func([]byte) {}, nil)
			return err
		},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		start := time.Now()
		err := call(ctx)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 5*time.Second {
			t.Errorf("%s returned %v after %v, want context.DeadlineExceeded after 50 ms", name, err, time.Since(start))
		}
	}
}

// A connection that says nothing any more is given up.
func TestSilentConnection(t *testing.T) {
	proxy := startProcess(t).front(t)
	layer := connect(t, proxy.Addr(), &redislayer.Options{Redis: impatient})
	s := layertest.Subscribe(t, layer, "topic")
	release := proxy.Hold()
	time.AfterFunc(time.Second, release)
	s.WantGap(t)
	layertest.Publish(t, layer, "topic", "again")
	s.Want(t, "again")
}

// The process that Redis runs in dies and another takes its place.
func TestServerKilled(t *testing.T) {
	first := startProcess(t)
	proxy := first.front(t)
	a, b := connect(t, proxy.Addr(), nil), connect(t, proxy.Addr(), nil)
	own, other := layertest.Subscribe(t, a, "topic"), layertest.Subscribe(t, b, "topic")
	layertest.Publish(t, a, "topic", "before")
	own.Want(t, "before")
	other.Want(t, "before")

	first.kill()
	proxy.Retarget(startProcess(t).socket)
	own.WantGap(t)
	other.WantGap(t)
	publishUntil(t, a, own, "after")
	other.Want(t, "after")
}

// A process that does not read is cut off by the server, and told of a gap.
func TestSlowSubscription(t *testing.T) {
	server := startProcess(t, "--client-output-buffer-limit", "pubsub 1mb 1mb 1")
	proxy, direct := server.front(t), server.front(t)
	layer := connect(t, proxy.Addr(), nil)
	release, blocked := make(chan int), make(chan int)
	gap, last := make(chan int, 10), make(chan int)
	begun := false
	cancel, err := layer.Subscribe(t.Context(), "topic", func(msg []byte) {
		if !begun {
			begun = true
			close(blocked)
			<-release
		}
		if string(msg) == "last" {
			close(last)
		}
	}, func() { gap <- 1 })
	if err != nil {
		t.Fatal(err)
	}
	defer cancel()
	publisher := connect(t, direct.Addr(), nil)
	layertest.Publish(t, publisher, "topic", "first")
	<-blocked
	big := string(make([]byte, 1<<20))
	for range 30 {
		layertest.Publish(t, publisher, "topic", big) // more than the buffers of all in between hold
	}
	close(release)
	<-gap
	layertest.Publish(t, publisher, "topic", "last")
	<-last
}
