package wstest_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/wstest"
)

func echoing(srv *channels.Server) http.Handler {
	return srv.HandlerFunc(func(ctx context.Context, s *channels.Socket) error {
		for m, err := range s.Messages(ctx) {
			if err != nil {
				return err
			}
			if string(m.Data) == "bye" {
				return channels.Closef(4001, "so long")
			}
			if err := s.Send(ctx, m); err != nil {
				return err
			}
		}
		return nil
	})
}

func TestServerInBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := wstest.NewServer(t, echoing(new(channels.Server)))
		c := srv.Dial("/")
		c.Send("hello")
		c.Want("hello")
		c.SendJSON(map[string]int{"b": 1, "a": 2})
		c.WantJSON(map[string]int{"a": 2, "b": 1})
		c.SendBinary([]byte{0, 1})
		c.WantBinary([]byte{0, 1})
		c.WantNothing(time.Hour)
		c.Send("bye")
		if got := c.WantClose(4001); got != "so long" {
			t.Errorf("reason %q", got)
		}
	})
}

func TestDialRefused(t *testing.T) {
	srv := wstest.NewServer(t, echoing(new(channels.Server)))
	resp := srv.DialRefused("/", func(o *channels.DialOptions) { o.Origin = "https://evil.example" })
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("status %d, want 403", resp.StatusCode)
	}
}

func TestPipe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := wstest.Pipe(t, nil)
		ctx := t.Context()
		if err := client.Write(ctx, channels.Text("ping")); err != nil {
			t.Fatal(err)
		}
		m, err := server.Read(ctx)
		if err != nil || string(m.Data) != "ping" {
			t.Fatalf("%v, %v", m, err)
		}
		if err := server.Write(ctx, channels.Text("pong")); err != nil {
			t.Fatal(err)
		}
		if m, err = client.Read(ctx); err != nil || string(m.Data) != "pong" {
			t.Fatalf("%v, %v", m, err)
		}
	})
}

// recorder is a testing.TB that remembers its failure instead of failing.
type recorder struct {
	testing.TB
	failure string
}

func (r *recorder) Helper() {}

func (r *recorder) Fatalf(format string, args ...any) {
	r.failure = strings.TrimSpace(fmt.Sprintf(format, args...))
	panic(r)
}

func failureOf(t *testing.T, f func(tb testing.TB)) (failure string) {
	t.Helper()
	r := &recorder{TB: t}
	defer func() {
		if v := recover(); v != nil && v != any(r) {
			panic(v)
		}
		failure = r.failure
	}()
	f(r)
	return ""
}

func TestFailuresSayWhatCameInstead(t *testing.T) {
	tests := []struct {
		name string
		do   func(c *wstest.Client)
		want string
	}{
		{"another text", func(c *wstest.Client) { c.Send("a"); c.Want("b") }, `/x: want text "b"; got text "a"`},
		{"another type", func(c *wstest.Client) { c.SendBinary([]byte{7}); c.Want("b") }, `/x: want text "b"; got binary 07`},
		{"silence", func(c *wstest.Client) { c.Want("b") }, `/x: want text "b"; nothing came within 5s`},
		{"a close", func(c *wstest.Client) { c.Send("bye"); c.Want("b") }, `/x: want text "b"; the server closed with 4001, reason "so long"`},
		{"another close", func(c *wstest.Client) { c.Send("bye"); c.WantClose(1000) }, `/x: want the server to close with 1000 (normal closure); the server closed with 4001, reason "so long"`},
		{"something", func(c *wstest.Client) { c.Send("a"); c.WantNothing(time.Second) }, `/x: want nothing for 1s; got text "a"`},
		{"other JSON", func(c *wstest.Client) { c.SendJSON(1); c.WantJSON([]int{1}) }, `/x: want JSON [1]; got text "1"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got := failureOf(t, func(tb testing.TB) {
					srv := wstest.NewServer(tb, echoing(new(channels.Server)))
					tt.do(srv.Dial("/x"))
				})
				if got != tt.want {
					t.Errorf("failure\n\t%s\nwant\n\t%s", got, tt.want)
				}
			})
		})
	}
}
