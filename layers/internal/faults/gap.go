package faults

import (
	"context"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/wstest"
)

// Gap has a server publish through proxy, which is cut for a while, to one whose
// connection stays whole, and whose layer therefore notices nothing: what has not
// arrived must be told, with its number, also when nothing follows it.
func Gap(t *testing.T, publisher, receiver channels.Layer, proxy *Proxy) {
	t.Helper()
	told := make(chan int, 100)
	from := newServer(t, publisher, nil)
	to := newServer(t, receiver, func(_ string, missed int) { told <- missed })
	client := wstest.NewServer(t, to.HandlerFunc(func(ctx context.Context, s *channels.Socket) error {
		if err := s.Join(ctx, "hall"); err != nil {
			return err
		}
		if err := s.Send(ctx, channels.Text("in")); err != nil {
			return err
		}
		_, err := s.Read(ctx)
		return err
	})).Dial("/")
	client.Want("in")

	next := 0
	publish := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		err := from.Broadcast(ctx, "hall", channels.Text(strconv.Itoa(next)))
		next++
		return err
	}
	want := func(missed int) {
		t.Helper()
		start := time.Now()
		for patience := time.After(30 * time.Second); missed > 0; {
			select {
			case n := <-told:
				missed -= n
			case <-patience:
				t.Fatalf("%d messages are missing, and nothing is told", missed)
			}
		}
		if missed < 0 {
			t.Fatalf("%d messages more are told to be missing than there are", -missed)
		}
		t.Logf("it was told after %v", time.Since(start))
	}
	if err := publish(); err != nil {
		t.Fatal(err)
	}
	client.Want("0")

	// Nothing follows what is lost.
	restore := proxy.Cut()
	publish() // taken or not, as the layer likes
	publish()
	restore()
	want(2)

	// Something does, at some time: a message may also be taken and be lost.
	lost := next
	restore = proxy.Cut()
	publish()
	restore()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	came := make(chan string, 1)
	go func() { // ends with ctx
		m, _ := client.Read(ctx)
		came <- string(m.Data)
	}()
	for {
		publish()
		select {
		case text := <-came:
			first, err := strconv.Atoi(text)
			if err != nil {
				t.Fatal(err)
			}
			want(first - lost)
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func newServer(t *testing.T, layer channels.Layer, gap func(string, int)) *channels.Server {
	server := &channels.Server{
		Layer:       layer,
		Logger:      slog.New(slog.DiscardHandler),
		Gap:         gap,
		DrainWindow: -1,
	}
	server.Upgrader.PingInterval = -1 // the client does not always read
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		server.Shutdown(ctx)
	})
	return server
}
