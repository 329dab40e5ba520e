package channels_test

import (
	"bytes"
	"compress/flate"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/wstest"
)

var modes = map[string]channels.CompressionMode{
	"no takeover": channels.NoContextTakeover,
	"takeover":    channels.ContextTakeover,
}

// samples are messages that compress well, badly, and not at all.
func samples() []channels.Message {
	random := make([]byte, 100<<10)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range random {
		random[i] = byte(rng.Uint32())
	}
	list := []channels.Message{channels.Text(""), channels.Text("short"), channels.Binary(random), channels.Binary(random[:300])}
	for i := range 30 {
		list = append(list, channels.Text(fmt.Sprintf(`{"id":%d,"user":"alice","text":%q}`, i, strings.Repeat("grüezi mitenand ", i*i))))
	}
	return append(list, channels.Text(strings.Repeat("x", 3<<20)))
}

// Both ends agree, and every message comes through: whole and in fragments, by
// Read, by Reader and to a consumer that borrows.
func TestCompression(t *testing.T) {
	for name, mode := range modes {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := quiet()
				server.Upgrader.Compression.Mode = mode
				server.Upgrader.Limits.MessageSize = 4 << 20
				server.Queue.Bytes = 16 << 20
				srv := wstest.NewServer(t, server.Handler(channels.ConsumeBorrowed(func() borrower { return borrower{} })))
				c := srv.Dial("/", func(o *channels.DialOptions) {
					o.Compression.Mode = mode
					o.Limits.MessageSize = 4 << 20
				})
				for i, m := range samples() {
					if i%2 == 0 {
						if err := c.Write(t.Context(), m); err != nil {
							t.Fatal(err)
						}
					} else {
						w, err := c.Writer(t.Context(), m.Type)
						if err != nil {
							t.Fatal(err)
						}
						io.Copy(w, bytes.NewReader(m.Data))
						if err := w.Close(); err != nil {
							t.Fatal(err)
						}
					}
					var got channels.Message
					var err error
					if i%3 == 0 {
						var r io.Reader
						if got.Type, r, err = c.Reader(t.Context()); err == nil {
							got.Data, err = io.ReadAll(r)
						}
					} else {
						got, err = c.Read(t.Context())
					}
					if err != nil || got.Type != m.Type || !bytes.Equal(got.Data, m.Data) {
						t.Fatalf("message %d: sent %v, got %v, %v", i, m, got, err)
					}
				}
			})
		})
	}
}

type borrower struct{}

func (borrower) ReceiveBorrowed(ctx context.Context, s *channels.Socket, m channels.Message) error {
	return s.Send(ctx, m)
}

// A broadcast between other messages keeps the windows of both ends alike.
func TestCompressedBroadcast(t *testing.T) {
	for name, mode := range modes {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := quiet()
				server.Upgrader.Compression.Mode = mode
				srv := wstest.NewServer(t, server.Handler(channels.Consume(func() *room { return &room{server, new(journal), "lobby"} })))
				compressed := func(o *channels.DialOptions) { o.Compression.Mode = mode }
				clients := []*wstest.Client{srv.Dial("/", compressed), srv.Dial("/", compressed), srv.Dial("/")}
				synctest.Wait()
				for i := range 20 {
					text := strings.Repeat(fmt.Sprintf("message %d of many, ", i), 10+i)
					clients[i%3].Send(text)
					for _, c := range clients {
						c.Want(text)
					}
					event := strings.Repeat("event data ", 40)
					clients[i%3].Send("event:" + event)
					for _, c := range clients {
						c.Want("note " + event)
					}
				}
			})
		})
	}
}

// F30: what inflates to more than the limit is refused, and not inflated.
func TestBomb(t *testing.T) {
	for name, mode := range modes {
		t.Run(name, func(t *testing.T) {
			server := quiet()
			server.Upgrader.Compression.Mode = mode
			server.Upgrader.Limits.MessageSize = 64 << 10 // the compressed message is within it
			srv := wstest.NewServer(t, server.HandlerFunc(echo))
			var mib bytes.Buffer
			w, _ := flate.NewWriter(&mib, flate.BestCompression)
			w.Write(make([]byte, 1<<20))
			w.Flush()
			bomb := strings.TrimSuffix(strings.Repeat(mib.String(), 50), "\x00\x00\xff\xff")
			raw := []byte(with("Sec-WebSocket-Extensions: permessage-deflate") + masked(0xc2, bomb))
			nc := srv.NetConn()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			nc.Write(raw)
			all, _ := io.ReadAll(nc)
			runtime.ReadMemStats(&after)
			if !bytes.Contains(all, []byte("\x03\xf1message too big")) {
				t.Errorf("got %q", all)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
				t.Errorf("%d bytes were allocated for a message of %d", used, len(bomb))
			}
		})
	}
}

// F29: what is no DEFLATE data closes with 1007.
func TestCorruptCompression(t *testing.T) {
	for _, payload := range []string{"\xff\xff\xff", "\x00\x05\x00\x00\x00", "garbage!"} {
		synctest.Test(t, func(t *testing.T) {
			server := quiet()
			server.Upgrader.Compression.Mode = channels.NoContextTakeover
			srv := wstest.NewServer(t, server.HandlerFunc(echo))
			nc := srv.NetConn()
			io.WriteString(nc, with("Sec-WebSocket-Extensions: permessage-deflate")+masked(0xc1, payload))
			all, _ := io.ReadAll(nc)
			if !bytes.Contains(all, []byte("\x03\xefinvalid compressed data")) {
				t.Errorf("%q: got %q", payload, all)
			}
		})
	}
}
