// Package groupbench measures what a layer costs: alone, and below a group of
// sockets. The same code measures every layer, so that the figures compare.
package groupbench

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sluicehq/sluice/channels"
)

const payload = 100 // bytes of a message

// Run runs the benchmarks. Publisher and receiver are of two processes; they may be
// the same. Broker is the process between them, or 0. Beside the time on the clock, the
// benchmarks report what processor time this process uses, which is the publisher's and
// the receiver's, and the broker.
func Run(b *testing.B, publisher, receiver channels.Layer, broker int) {
	run := func(name string, bench func(b *testing.B, m *meter)) {
		b.Run(name, func(b *testing.B) { bench(b, &meter{broker: broker}) })
	}
	run("RoundTrip", func(b *testing.B, m *meter) { roundTrip(b, m, publisher, receiver) })
	for _, publishers := range []int{1, 16} {
		run(fmt.Sprintf("Publish/%d", publishers), func(b *testing.B, m *meter) { publish(b, m, publisher, receiver, publishers) })
	}
	run("Group1000", func(b *testing.B, m *meter) { group(b, m, publisher, receiver, 1000) })
}

// roundTrip is the time from Publish to deliver with nothing else going on.
func roundTrip(b *testing.B, m *meter, publisher, receiver channels.Layer) {
	delivered := make(chan int, 1)
	defer subscribe(b, receiver, func([]byte) { delivered <- 1 })()
	msg := make([]byte, payload)
	b.ReportAllocs()
	m.start()
	for b.Loop() {
		must(b, publisher.Publish(b.Context(), "bench", msg))
		<-delivered
	}
	m.report(b, 1, "op")
}

// publish is the time per message when several publish as fast as they can, but
// no more than 1,000 messages ahead of the receiver.
func publish(b *testing.B, m *meter, publisher, receiver channels.Layer, publishers int) {
	ahead := make(chan struct{}, 1000)
	defer subscribe(b, receiver, func([]byte) { <-ahead })()
	var next atomic.Int64
	total := int64(b.N)
	b.ReportAllocs()
	m.start()
	b.ResetTimer()
	var wait sync.WaitGroup
	for range publishers {
		wait.Go(func() {
			msg := make([]byte, payload)
			for next.Add(1) <= total {
				ahead <- struct{}{}
				if err := publisher.Publish(b.Context(), "bench", msg); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wait.Wait()
	for range cap(ahead) { // until all are delivered
		ahead <- struct{}{}
	}
	m.report(b, 1, "op")
}

// group is the time from Broadcast until n WebSocket clients, in a process of their own,
// have the message.
func group(b *testing.B, m *meter, publisher, receiver channels.Layer, n int) {
	quiet := slog.New(slog.DiscardHandler)
	from := &channels.Server{Layer: publisher, Logger: quiet}
	to := &channels.Server{Layer: receiver, Logger: quiet}
	listener := httptest.NewServer(to.HandlerFunc(func(ctx context.Context, s *channels.Socket) error {
		if err := s.Join(ctx, "bench"); err != nil {
			return err
		}
		if err := s.Send(ctx, channels.Text("joined")); err != nil {
			return err
		}
		_, err := s.Read(ctx)
		return err
	}))
	defer listener.Close()
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		for _, srv := range []*channels.Server{to, from} {
			srv.Shutdown(ctx)
		}
	}()
	clients := startClients(b, strings.Replace(listener.URL, "http", "ws", 1), n)
	defer clients.stop()
	msg := make([]byte, payload)
	send := func(i uint64) {
		binary.BigEndian.PutUint64(msg, i)
		must(b, from.Broadcast(b.Context(), "bench", channels.Binary(msg)))
		if got := clients.next(); got != i {
			b.Fatalf("message %d came in the place of %d", got, i)
		}
	}
	send(0) // the first fills pools
	b.ReportAllocs()
	m.start()
	for i := uint64(1); b.Loop(); i++ {
		send(i)
	}
	m.report(b, n, "delivery")
}

func subscribe(b *testing.B, layer channels.Layer, deliver func([]byte)) (cancel func()) {
	b.Helper()
	end, err := layer.Subscribe(b.Context(), "bench", deliver, nil)
	must(b, err)
	return func() { end() }
}

func must(b *testing.B, err error) {
	if err != nil {
		b.Helper()
		b.Fatal(err)
	}
}
