package channels_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/internal/frame"
	"github.com/sluicehq/sluice/channels/internal/mask"
	"github.com/sluicehq/sluice/channels/internal/memnet"
)

// The clients of these benchmarks allocate nothing once they are connected, so that
// what is reported is the server's.

// A rawClient sends frames that were made before, and counts what comes back.
type rawClient struct {
	nc net.Conn
	br *bufio.Reader
}

// rawClients returns n clients of a server on TCP.
func rawClients(b *testing.B, h http.Handler, n int) []*rawClient {
	b.Helper()
	hs := httptest.NewServer(h)
	b.Cleanup(hs.Close)
	clients := make([]*rawClient, n)
	for i := range clients {
		nc, err := net.Dial("tcp", hs.Listener.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { nc.Close() })
		nc.SetDeadline(time.Now().Add(time.Minute)) // so that a fault is no standstill
		c := &rawClient{nc, bufio.NewReaderSize(nc, 32<<10)}
		c.write(b, []byte(benchRequest))
		resp, err := http.ReadResponse(c.br, nil)
		if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
			b.Fatalf("the handshake was answered with %v, %v", resp, err)
		}
		clients[i] = c
	}
	return clients
}

const benchRequest = "GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

func (c *rawClient) write(b *testing.B, p []byte) {
	if _, err := c.nc.Write(p); err != nil {
		b.Fatal(err)
	}
}

// read reads one message and returns how long it is.
func (c *rawClient) read(b *testing.B) (size int) {
	for fin := false; !fin; {
		head, err := c.br.Peek(2)
		if err != nil {
			b.Fatal(err)
		}
		fin = head[0]&frame.Fin != 0
		n, extended := int(head[1]), 0
		switch n {
		case 126:
			extended = 2
		case 127:
			extended = 8
		}
		if extended > 0 {
			if head, err = c.br.Peek(2 + extended); err != nil {
				b.Fatal(err)
			}
			n = 0
			for _, x := range head[2:] {
				n = n<<8 | int(x)
			}
		}
		if _, err := c.br.Discard(2 + extended + n); err != nil {
			b.Fatal(err)
		}
		size += n
	}
	return size
}

func (c *rawClient) want(b *testing.B, size int) {
	if got := c.read(b); got != size {
		b.Fatalf("received %d bytes, want %d", got, size)
	}
}

// maskedFrame returns a binary message of that many bytes as a client sends it.
func maskedFrame(size int) []byte {
	h := frame.Header{Fin: true, Opcode: frame.Binary, Masked: true, Key: [4]byte{1, 2, 3, 4}, Length: int64(size)}
	f := frame.Append(nil, &h)
	payload := make([]byte, size)
	mask.XOR(payload, h.Key, 0)
	return append(f, payload...)
}

// busy returns a server that parks nobody: a benchmark is to count the same in
// every run.
func busy(b *testing.B) *channels.Server {
	srv := quiet()
	srv.Park, srv.DrainWindow = -1, -1
	srv.Upgrader.PingInterval = -1 // a client here takes everything for a message
	b.Cleanup(func() { srv.Shutdown(context.Background()) })
	return srv
}

type keeper struct{}

func (keeper) Receive(ctx context.Context, s *channels.Socket, m channels.Message) error {
	return s.Send(ctx, m)
}

// BenchmarkEcho is a consumer that sends back what it receives: in one operation as
// many messages as are in flight. Receive costs one allocation for each, which is
// the consumer's to keep, ReceiveBorrowed none.
func BenchmarkEcho(b *testing.B) {
	handlers := []struct {
		name    string
		handler channels.Handler
	}{
		{"Receive", channels.Consume(func() keeper { return keeper{} })},
		{"ReceiveBorrowed", channels.ConsumeBorrowed(func() borrower { return borrower{} })},
	}
	for _, h := range handlers {
		for _, size := range []int{32, 4 << 10, 64 << 10} {
			for _, inFlight := range []int{1, 16} {
				if size*inFlight > 64<<10 {
					continue // the sockets' buffers might not hold what nobody reads yet
				}
				b.Run(fmt.Sprintf("%s/%d/%d", h.name, size, inFlight), func(b *testing.B) {
					c := rawClients(b, busy(b).Handler(h.handler), 1)[0]
					var batch []byte
					for range inFlight {
						batch = append(batch, maskedFrame(size)...)
					}
					b.ReportAllocs()
					for b.Loop() {
						c.write(b, batch)
						for range inFlight {
							c.want(b, size)
						}
					}
				})
			}
		}
	}
}

// A memberOf is in a group, and says so.
type memberOf string

func (group memberOf) Connect(ctx context.Context, s *channels.Socket) error {
	if err := s.Join(ctx, string(group)); err != nil {
		return err
	}
	return s.Send(ctx, channels.Text("welcome"))
}

func (memberOf) ReceiveBorrowed(context.Context, *channels.Socket, channels.Message) error {
	return nil
}

// BenchmarkBroadcast sends 128 bytes to 1,000 sockets, until all have received it:
// within a server, and through a layer, which numbers it.
func BenchmarkBroadcast(b *testing.B) {
	for name, layer := range map[string]channels.Layer{"alone": nil, "MemoryLayer": new(channels.MemoryLayer)} {
		b.Run(name, func(b *testing.B) {
			srv := busy(b)
			srv.Layer = layer
			benchmarkBroadcast(b, srv)
		})
	}
}

func benchmarkBroadcast(b *testing.B, srv *channels.Server) {
	clients := rawClients(b, srv.Handler(channels.ConsumeBorrowed(func() memberOf { return "all" })), 1000)
	for _, c := range clients {
		c.want(b, len("welcome"))
	}
	m := channels.Text(strings.Repeat("x", 128))
	broadcast := func() {
		if err := srv.Broadcast(b.Context(), "all", m); err != nil {
			b.Fatal(err)
		}
		for _, c := range clients {
			c.want(b, 128)
		}
	}
	broadcast() // the first after a join looks up the members
	b.ReportAllocs()
	for b.Loop() {
		broadcast()
	}
}

// BenchmarkStream is a message of 1 MiB in one direction and an empty one in the
// other, with the reader and the writer of a connection.
func BenchmarkStream(b *testing.B) {
	const size = 1 << 20
	tests := []struct {
		name string
		sent []byte
		want int
	}{
		{"Reader", maskedFrame(size), 0},
		{"Writer", maskedFrame(0), size},
	}
	for _, tt := range tests {
		b.Run(tt.name, func(b *testing.B) {
			up, ended := new(channels.Upgrader), make(chan struct{})
			c := rawClients(b, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer close(ended)
				if conn, err := up.Upgrade(w, r); err == nil {
					answerPieces(conn, tt.want)
				}
			}), 1)[0]
			b.Cleanup(func() { c.nc.Close(); <-ended })
			b.ReportAllocs()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			n := 0
			for b.Loop() {
				c.write(b, tt.sent)
				c.want(b, tt.want)
				n++
			}
			runtime.ReadMemStats(&after)
			// The first message fills the pools. (With -race they forget at random,
			// and this does not hold.)
			if each := (after.TotalAlloc - before.TotalAlloc) / uint64(n); n > 1 && each > size/8 {
				b.Errorf("%d bytes are allocated for a message of %d", each, size)
			}
		})
	}
}

// answerPieces answers each message with one of that size, in pieces.
func answerPieces(c *channels.Conn, size int) {
	defer c.CloseNow()
	piece := make([]byte, 32<<10)
	for {
		typ, r, err := c.Reader(c.Context())
		if err != nil {
			return
		}
		if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, r, piece); err != nil {
			return
		}
		w, err := c.Writer(c.Context(), typ)
		if err != nil {
			return
		}
		for sent := 0; sent < size; sent += len(piece) {
			if _, err := w.Write(piece); err != nil {
				return
			}
		}
		if err := w.Close(); err != nil {
			return
		}
	}
}

// A farewell says when its socket has ended.
type farewell struct{ ended chan<- struct{} }

func (farewell) ReceiveBorrowed(context.Context, *channels.Socket, channels.Message) error {
	return nil
}

func (f farewell) Disconnect(context.Context, *channels.Socket, error) { f.ended <- struct{}{} }

// BenchmarkHandshake is what a connection costs a server from accepting it to its
// end, by a client that hangs up when it has the answer. Hijack is what net/http
// and the network need for themselves.
func BenchmarkHandshake(b *testing.B) {
	ended := make(chan struct{})
	up, answer := new(channels.Upgrader), []byte("HTTP/1.1 101 Switching Protocols\r\n\r\n")
	tests := []struct {
		name    string
		handler http.Handler
	}{
		{"Hijack", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if nc, _, err := http.NewResponseController(w).Hijack(); err == nil {
				nc.Write(answer)
				nc.Close()
			}
			ended <- struct{}{}
		})},
		{"Upgrade", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if c, err := up.Upgrade(w, r); err == nil {
				c.CloseNow()
			}
			ended <- struct{}{}
		})},
		{"Accept", busy(b).Handler(channels.ConsumeBorrowed(func() farewell { return farewell{ended} }))},
	}
	for _, tt := range tests {
		b.Run(tt.name, func(b *testing.B) {
			l := memnet.Listen()
			server, done := &http.Server{Handler: tt.handler}, make(chan struct{})
			go func() { defer close(done); server.Serve(l) }()
			b.Cleanup(func() { server.Close(); <-done })
			request, answer := []byte(benchRequest), make([]byte, 1<<10)
			handshake := func() {
				nc, err := l.Dial(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				if _, err := nc.Write(request); err != nil {
					b.Fatal(err)
				}
				if n, err := nc.Read(answer); err != nil || !bytes.HasPrefix(answer[:n], []byte("HTTP/1.1 101 ")) {
					b.Fatalf("answered with %q, %v", answer[:n], err)
				}
				nc.Close()
				<-ended
			}
			for range 100 {
				handshake() // fills net/http's pools
			}
			b.ReportAllocs()
			for b.Loop() {
				handshake()
			}
		})
	}
}
