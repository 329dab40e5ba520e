package channels_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/internal/memnet"
)

// A tap is a layer whose subscriptions can be given anything.
type tap struct {
	channels.MemoryLayer
	mu   sync.Mutex
	into map[string]func([]byte)
}

func (l *tap) Subscribe(ctx context.Context, topic string, deliver func([]byte), gap func()) (func() error, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.into == nil {
		l.into = make(map[string]func([]byte))
	}
	l.into[topic] = deliver
	return l.MemoryLayer.Subscribe(ctx, topic, deliver, gap)
}

// Whatever comes from the layer, nothing breaks, what is told of a gap makes sense,
// and the messages of others are delivered.
func FuzzEnvelope(f *testing.F) {
	head := func(kind byte, number uint64, body string) []byte {
		b := append([]byte{1, kind}, "sequence"...)
		return append(binary.BigEndian.AppendUint64(b, number), body...)
	}
	f.Add(head('t', 1, "text"))
	f.Add(head('b', 1<<53, "binary"))
	f.Add(head('e', 7, "\x04notedata"))
	f.Add(head('e', 7, "\x7fshort"))
	f.Add(head('d', 2, "\x00tag"))
	f.Add(head('a', 5, "\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Add(head('a', 5, "\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01"))
	f.Add(slices.Concat(head('a', 9, "\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01"),
		head('t', 12, "sixteen bytes ok"), head('t', 5, "sixteen bytes ok")))
	f.Add([]byte("\x02tsequence\x00\x00\x00\x00\x00\x00\x00\x01"))
	f.Add([]byte{})

	layer, server := new(tap), quiet()
	server.Layer, server.Slow = layer, channels.DropOldest
	server.Gap = func(group string, missed int) {
		if group != "lobby" || missed == 0 || missed < -1 {
			panic(fmt.Sprintf("a gap of %d messages of %q", missed, group))
		}
	}
	joined, marker := make(chan bool), make(chan bool, 1)
	l := memnet.Listen()
	f.Cleanup(func() { server.Shutdown(context.Background()) })
	// No WebSocket: a text that is none would end that.
	p := channels.Protocol{Name: "marker", Open: func(ctx context.Context, nc net.Conn) (context.Context, channels.MessageConn, error) {
		return ctx, markerConn{nc, marker}, nil
	}}
	go server.Serve(l, p, channels.HandlerFunc(func(ctx context.Context, s *channels.Socket) error {
		if err := s.Join(ctx, "lobby"); err != nil {
			return err
		}
		joined <- true
		_, err := s.Read(ctx)
		return err
	})) // ends with Shutdown
	nc, err := l.Dial(context.Background())
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { nc.Close() })
	<-joined
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, topic := range []string{"group:lobby", "disconnect"} {
			layer.into[topic](slices.Clone(b))
			for piece := range slices.Chunk(b, 34) {
				layer.into[topic](slices.Clone(piece))
			}
		}
		if err := server.Broadcast(t.Context(), "lobby", channels.Text("marker")); err != nil {
			t.Fatal(err)
		}
		<-marker
	})
}

// A markerConn tells when it was given the text "marker".
type markerConn struct {
	nc     net.Conn
	marker chan<- bool
}

func (c markerConn) Read(context.Context) (channels.Message, error) {
	_, err := c.nc.Read(make([]byte, 1))
	return channels.Message{}, err
}

func (c markerConn) Write(_ context.Context, m channels.Message) error {
	if string(m.Data) == "marker" {
		c.marker <- true
	}
	return nil
}

func (c markerConn) Close(channels.StatusCode, string) error { return nil }
