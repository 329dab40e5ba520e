package channels_test

import (
	"context"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/wstest"
)

// A thinker answers at once, and then thinks for a while.
type thinker struct{ srv *channels.Server }

func (c *thinker) Connect(ctx context.Context, s *channels.Socket) error { return s.Join(ctx, "lobby") }

func (c *thinker) Receive(ctx context.Context, s *channels.Socket, m channels.Message) error {
	if err := s.Send(ctx, channels.Text("thinking about "+string(m.Data))); err != nil {
		return err
	}
	time.Sleep(time.Minute)
	return nil
}

// What a handler sends while more messages are at hand is held back for a
// millisecond, not until the handler returns; so is what others send to it.
func TestGatheredIsWrittenWithinAMillisecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := quiet()
		srv := wstest.NewServer(t, server.Handler(channels.Consume(func() *thinker { return &thinker{server} })))
		nc := rawDial(t, srv)
		start := time.Now()
		// Two messages at once: the first is handled while the second is at hand.
		io.WriteString(nc, masked(0x81, "a")+masked(0x81, "b"))
		want := "\x81\x10thinking about a"
		got := make([]byte, len(want))
		if _, err := io.ReadFull(nc, got); err != nil || string(got) != want {
			t.Fatalf("got %q, %v", got, err)
		}
		if d := time.Since(start); d > time.Millisecond {
			t.Errorf("the answer came after %v", d)
		}
		time.Sleep(time.Second)
		start = time.Now()
		if err := server.Broadcast(t.Context(), "lobby", channels.Text("x")); err != nil {
			t.Fatal(err)
		}
		got = got[:3]
		if _, err := io.ReadFull(nc, got); err != nil || string(got) != "\x81\x01x" {
			t.Fatalf("got %q, %v", got, err)
		}
		if d := time.Since(start); d > time.Millisecond {
			t.Errorf("the broadcast came after %v", d)
		}
		nc.Close()
		time.Sleep(3 * time.Minute)
	})
}

// Answers to messages that came together are written together, in order.
func TestGathered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := wstest.NewServer(t, quiet().Handler(channels.ConsumeBorrowed(func() borrower { return borrower{} })))
		nc := rawDial(t, srv)
		var send, want strings.Builder
		for i := range 100 {
			payload := strings.Repeat(string(rune('a'+i%26)), i)
			send.WriteString(masked(0x81, payload))
			want.WriteString("\x81" + string(rune(len(payload))) + payload)
		}
		io.WriteString(nc, send.String())
		got := make([]byte, want.Len())
		if _, err := io.ReadFull(nc, got); err != nil || string(got) != want.String() {
			t.Errorf("got %q, %v", got, err)
		}
	})
}
