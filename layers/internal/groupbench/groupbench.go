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
// the same.
func Run(b *testing.B, publisher, receiver channels.Layer) {
	b.Run("RoundTrip", func(b *testing.B) { roundTrip(b, publisher, receiver) })
	for _, publishers := range []int{1, 16} {
		b.Run(fmt.Sprintf("Publish/%d", publishers), func(b *testing.B) { publish(b, publisher, receiver, publishers) })
	}
	b.Run("Group1000", func(b *testing.B) { group(b, publisher, receiver, 1000) })
}

// roundTrip is the time from Publish to deliver with nothing else going on.
func roundTrip(b *testing.B, publisher, receiver channels.Layer) {
	delivered := make(chan int, 1)
	defer subscribe(b, receiver, func([]byte) { delivered <- 1 })()
	msg := make([]byte, payload)
	b.ReportAllocs()
	for b.Loop() {
		must(b, publisher.Publish(b.Context(), "bench", msg))
		<-delivered
	}
}

// publish is the time per message when several publish as fast as they can, but
// no more than 1,000 messages ahead of the receiver.
func publish(b *testing.B, publisher, receiver channels.Layer, publishers int) {
	ahead := make(chan struct{}, 1000)
	defer subscribe(b, receiver, func([]byte) { <-ahead })()
	var next atomic.Int64
	total := int64(b.N)
	b.ReportAllocs()
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
}

// group is the time from Broadcast until n WebSocket clients have the message.
func group(b *testing.B, publisher, receiver channels.Layer, n int) {
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
	clients := clients{all: make(chan uint64, 1), n: int64(n)}
	defer clients.close()
	for range n {
		clients.dial(b, strings.Replace(listener.URL, "http", "ws", 1))
	}
	msg := make([]byte, payload)
	b.ReportAllocs()
	for i := uint64(0); b.Loop(); i++ {
		binary.BigEndian.PutUint64(msg, i)
		must(b, from.Broadcast(b.Context(), "bench", channels.Binary(msg)))
		if got := <-clients.all; got != i {
			b.Fatalf("message %d came in the place of %d", got, i)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/delivery")
}

// clients are WebSocket clients that count what they get.
type clients struct {
	n       int64
	all     chan uint64 // gets the number of a message when all have it
	count   atomic.Int64
	readers sync.WaitGroup
	conns   []*channels.Conn
}

func (c *clients) dial(b *testing.B, url string) {
	conn, _, err := channels.Dial(b.Context(), url, nil)
	must(b, err)
	_, err = conn.Read(b.Context()) // "joined"
	must(b, err)
	c.conns = append(c.conns, conn)
	c.readers.Go(func() { // ended by close
		for {
			m, err := conn.Read(context.Background())
			if err != nil {
				return
			}
			if c.count.Add(1)%c.n == 0 {
				c.all <- binary.BigEndian.Uint64(m.Data)
			}
		}
	})
}

func (c *clients) close() {
	for _, conn := range c.conns {
		conn.CloseNow()
	}
	c.readers.Wait()
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
