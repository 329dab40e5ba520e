package channels_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/wstest"
)

// What would show with the first request panics when the program starts.
func TestMisusePanicsAtOnce(t *testing.T) {
	srv := new(channels.Server)
	serve := func(srv *channels.Server) { srv.HandlerFunc(echo) }
	tests := []struct {
		name string
		do   func()
		want string
	}{
		{"Queue.Messages", func() { serve(&channels.Server{Queue: channels.QueueLimits{Messages: -1}}) }, "Server.Queue has a negative limit: "},
		{"Queue.Bytes", func() { serve(&channels.Server{Queue: channels.QueueLimits{Bytes: -1}}) }, "Server.Queue has a negative limit: "},
		{"Slow", func() { serve(&channels.Server{Slow: 3}) }, "Server.Slow is none of "},
		{"Handler", func() { srv.Handler(nil) }, "Server.Handler: the handler is nil"},
		{"HandlerFunc", func() { srv.HandlerFunc(nil) }, "Server.HandlerFunc: the function is nil"},
		{"Guard", func() { srv.Guard(nil) }, "Server.Guard: the handler is nil"},
		{"WithScope", func() { channels.WithScope(nil) }, "WithScope: the handler is nil"},
		{"Consume", func() { channels.Consume[channels.Consumer](nil) }, "Consume: the function is nil"},
		{"ConsumeBorrowed", func() { channels.ConsumeBorrowed[channels.BorrowedConsumer](nil) }, "ConsumeBorrowed: the function is nil"},
		{"CloseWith", func() { srv.CloseWith(1005, "") }, "close code 1005 (no status) cannot be sent: use "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			defer func() {
				if got, _ := recover().(string); !strings.HasPrefix(got, "channels: "+tt.want) {
					t.Errorf("panic %q, want it to begin with %q", got, "channels: "+tt.want)
				}
			}()
			tt.do()
		})
	}
}

// A type that is neither text nor binary would be the opcode of another frame: 8 closes.
func TestMessageTypeIsChecked(t *testing.T) {
	const want = "channels: the type of a message is TextMessage or BinaryMessage, not MessageType("
	for _, typ := range []channels.MessageType{0, 3, 8, 9, 0x81} {
		m := channels.Message{Type: typ, Data: []byte("x")}
		synctest.Test(t, func(t *testing.T) {
			srv := new(channels.Server)
			c := wstest.NewServer(t, srv.HandlerFunc(func(ctx context.Context, s *channels.Socket) error {
				if err := s.Join(ctx, "all"); err != nil {
					return err
				}
				for _, err := range []error{s.Send(ctx, m), srv.Broadcast(ctx, "all", m)} {
					if err == nil || !strings.HasPrefix(err.Error(), want) {
						t.Errorf("type %d: %v", typ, err)
					}
				}
				return s.Send(ctx, channels.Text("nothing was sent"))
			})).Dial("/")
			if err := c.Write(t.Context(), m); err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("Write of type %d: %v", typ, err)
			}
			if _, err := c.Writer(t.Context(), typ); err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("Writer of type %d: %v", typ, err)
			}
			c.Want("nothing was sent")
			c.WantClose(channels.StatusNormalClosure)
		})
	}
}

// A handler's close code that cannot be sent is the handler's mistake; that of the end that
// it read is none.
func TestHandlerReturnsUnsendableCode(t *testing.T) {
	tests := []struct {
		code, want channels.StatusCode
	}{
		{42, channels.StatusInternalError},
		{1015, channels.StatusInternalError},
		{5000, channels.StatusInternalError},
		{channels.StatusNoStatus, channels.StatusNormalClosure},
		{channels.StatusAbnormalClosure, channels.StatusNormalClosure},
	}
	for _, tt := range tests {
		var buf bytes.Buffer
		srv := &channels.Server{Logger: slog.New(slog.NewTextHandler(&buf, nil))}
		c := wstest.NewServer(t, srv.HandlerFunc(func(context.Context, *channels.Socket) error {
			return channels.Closef(tt.code, "")
		})).Dial("/")
		c.WantClose(tt.want)
		if err := srv.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		if logged := strings.Contains(buf.String(), "cannot be sent"); logged != (tt.want == channels.StatusInternalError) {
			t.Errorf("%v: logged: %t:\n%s", tt.code, logged, &buf)
		}
	}
}
