package channels_test

import (
	"context"
	"testing"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/internal/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

// echo answers every message with itself; "fail", "panic" and "close" do what they
// say.
func echo(ctx context.Context, s *channels.Socket) error {
	for m, err := range s.Messages(ctx) {
		if err != nil {
			return err
		}
		switch string(m.Data) {
		case "return":
			return nil
		case "done":
			return channels.Done
		case "fail":
			return context.DeadlineExceeded
		case "panic":
			panic("on demand")
		case "close":
			return channels.Closef(4321, "on %s", "demand")
		}
		if err := s.Send(ctx, m); err != nil {
			return err
		}
	}
	return nil
}
