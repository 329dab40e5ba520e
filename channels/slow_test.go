package channels_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/internal/memnet"
	"github.com/sluicehq/sluice/channels/wstest"
)

// A frank consumer tells its client what was dropped.
type frank struct{}

func (frank) Connect(ctx context.Context, s *channels.Socket) error { return s.Join(ctx, "all") }

func (frank) Receive(context.Context, *channels.Socket, channels.Message) error { return nil }

func (frank) ReceiveEvent(ctx context.Context, s *channels.Socket, e channels.Event) error {
	return s.Send(ctx, channels.Text(fmt.Sprintf("%s %d", e.Type, e.Missed)))
}

// What is dropped is counted, and the consumer told in time to tell its client.
func TestDropped(t *testing.T) {
	for name, policy := range map[string]channels.SlowPolicy{"oldest": channels.DropOldest, "newest": channels.DropNewest} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, o := quiet(), new(observer)
				server.Observer, server.Slow = o, policy
				server.Queue.Messages = 10
				srv := wstest.NewServer(t, server.Handler(channels.Consume(func() frank { return frank{} })))
				c := srv.Dial("/slow")
				synctest.Wait()
				// The network holds some, the queue ten, the rest is dropped.
				const n = 200
				var socket *channels.Socket
				for socket = range server.Sockets() {
				}
				for i := range n {
					m := channels.Text(fmt.Sprintf("%4d %s", i, strings.Repeat("x", 1<<10)))
					if err := server.Broadcast(t.Context(), "all", m); err != nil {
						t.Fatal(err)
					}
					synctest.Wait() // what the network takes is gone
				}
				dropped := socket.Dropped()
				if stats := server.Stats(); dropped == 0 || stats.Dropped != dropped || stats.QueuedMessages != 10 || stats.QueuedBytes < 10<<10 {
					t.Errorf("%d messages were dropped; in all: %v", dropped, stats)
				}
				told, last := 0, -1
				for received := 0; received+told < n; {
					text := string(c.Receive().Data)
					var i int
					if _, err := fmt.Sscanf(text, channels.EventDropped+" %d", &i); err == nil {
						told += i
						continue
					}
					if _, err := fmt.Sscanf(text, "%d", &i); err != nil || i <= last {
						t.Fatalf("message %.20q came after %d", text, last)
					}
					last = i
					received++
				}
				if told != int(dropped) {
					t.Errorf("the client was told of %d dropped messages, want %d", told, dropped)
				}
				if newest := last == n-1; newest != (policy == channels.DropOldest) {
					t.Errorf("the last message that came is %d of %d", last, n)
				}
				c.CloseNow()
				if err := server.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
				want := fmt.Sprintf("opened /slow dropped /slow %d closed /slow 1006 1006", dropped)
				if got := o.String(); got != want {
					t.Errorf("the observer was told %q, want %q", got, want)
				}
				if got := server.Stats().Dropped; got != dropped {
					t.Errorf("%d messages are counted when the socket has gone, want %d", got, dropped)
				}
			})
		})
	}
}

// A hijacker is a ResponseWriter on a connection of the test's: thousands of
// handshakes take no time.
type hijacker struct {
	http.ResponseWriter // nil: what is not defined here must not be called
	nc                  net.Conn
	header              http.Header
}

func (h hijacker) Header() http.Header { return h.header }

func (h hijacker) WriteHeader(int) {}

func (h hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return h.nc, bufio.NewReadWriter(bufio.NewReader(h.nc), bufio.NewWriter(h.nc)), nil
}

// R12: a socket that is stuck changes nothing for the 9,999 others of its group: they get
// everything in no time, as the bubble tells it, and Broadcast does not wait. It is
// closed with 1013 when its queue is full.
func TestStuckSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const sockets, messages = 10_000, 8
		server := quiet()
		server.Queue.Messages = messages / 2
		server.Upgrader.PingInterval = -1
		server.DrainWindow = -1
		h := channels.Consume(func() frank { return frank{} })
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(benchRequest)))
		if err != nil {
			t.Fatal(err)
		}
		r.RemoteAddr = "192.0.2.1:1234"
		accept := func(nc net.Conn) {
			if err := server.Accept(hijacker{nc: nc, header: http.Header{}}, r, h); err != nil {
				t.Fatal(err)
			}
		}
		// Nobody reads at the other end of this, and it holds nothing by itself.
		stuck, other := net.Pipe()
		accept(other)
		var clients []net.Conn
		for range sockets - 1 {
			client, conn := memnet.Config{Buffer: 4 << 10}.Pipe()
			accept(conn)
			clients = append(clients, client)
		}
		synctest.Wait()
		start := time.Now()
		var want []byte
		for i := range messages {
			text := fmt.Sprintf("message %2d", i)
			want = append(append(want, 0x81, byte(len(text))), text...)
			if err := server.Broadcast(t.Context(), "all", channels.Text(text)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait() // while the clock stands still
		}
		got := make([]byte, len(want))
		for i, client := range clients {
			if _, err := io.ReadFull(client, got); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("client %d got %q, %v", i, got, err)
			}
		}
		if d := time.Since(start); d != 0 {
			t.Errorf("the others had to wait for %v", d)
		}
		// The stuck one has CloseTimeout to take the frame that was begun.
		time.Sleep(10 * time.Second)
		synctest.Wait()
		stats := server.Stats()
		if stats.Sockets != sockets-1 || stats.Closed[channels.StatusTryAgainLater] != 1 || len(stats.Closed) != 1 {
			t.Errorf("%v", stats)
		}
		stuck.Close()
		for _, client := range clients {
			client.Close()
		}
		if err := server.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
