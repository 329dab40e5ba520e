package wstest_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
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
	logged  atomic.Pointer[string]
}

func (r *recorder) Helper() {}

func (r *recorder) Logf(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	r.logged.Store(&text)
}

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
		{"JSON with quotes", func(c *wstest.Client) { c.Send(`{"a":1}`); c.WantJSON(1) }, "/x: want JSON 1; got text `{\"a\":1}`"},
		{"no wait", func(c *wstest.Client) { c.WantNothing(0) }, `/x: WantNothing(0s) waits for nothing: want more than 0`},
		{
			"the end of a long one",
			func(c *wstest.Client) { c.Send(strings.Repeat("a", 600)); c.Want(strings.Repeat("a", 599) + "b") },
			`/x: want text "` + strings.Repeat("a", 500) + `"… (600 bytes); got text "` + strings.Repeat("a", 500) + `"… (600 bytes); they differ from byte 599 on: want "b", got "a"`,
		},
		{
			"a shorter one",
			func(c *wstest.Client) { c.SendBinary(make([]byte, 501)); c.WantBinary(make([]byte, 502)) },
			"/x: want binary " + zeros(500) + "… (502 bytes); got binary " + zeros(500) + "… (501 bytes); they differ from byte 501 on: want 00, got the end",
		},
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

func zeros(n int) string { return strings.TrimSpace(strings.Repeat("00 ", n)) }

func TestMisuseIsNamed(t *testing.T) {
	path := func(got string) string {
		return fmt.Sprintf(`the path is %q: want one that begins with "/", without scheme and host`, got)
	}
	tests := []struct {
		name string
		do   func(srv *wstest.Server)
		want string
	}{
		{"Dial", func(srv *wstest.Server) { srv.Dial("ws") }, path("ws")},
		{"Dial of a URL", func(srv *wstest.Server) { srv.Dial("wss://localhost/ws") }, path("wss://localhost/ws")},
		{"DialRefused", func(srv *wstest.Server) { srv.DialRefused("") }, path("")},
		{"Get", func(srv *wstest.Server) { srv.Get("x") }, path("x")},
		{"PostForm", func(srv *wstest.Server) { srv.PostForm("x", nil) }, path("x")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := failureOf(t, func(tb testing.TB) { tt.do(wstest.NewServer(tb, http.NotFoundHandler())) })
			if got != tt.want {
				t.Errorf("failure\n\t%s\nwant\n\t%s", got, tt.want)
			}
		})
	}
	const want = "wstest.NewServer: the handler is nil"
	if got := failureOf(t, func(tb testing.TB) { wstest.NewServer(tb, nil) }); got != want {
		t.Errorf("failure %q, want %q", got, want)
	}
}

// The client of a handler that panics only sees that the connection ends.
func TestPanicIsLogged(t *testing.T) {
	boom := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("boom") })
	tests := []struct {
		name string
		do   func(srv *wstest.Server)
		want string
	}{
		{"Get", func(srv *wstest.Server) { srv.Get("/page?secret") }, "GET /page: panic in the handler: boom\ngoroutine"},
		{"Dial", func(srv *wstest.Server) { srv.Dial("/ws") }, "GET /ws: panic in the handler: boom\ngoroutine"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var r *recorder
			failureOf(t, func(tb testing.TB) {
				r = tb.(*recorder)
				tt.do(wstest.NewServer(tb, boom))
			})
			if got := r.logged.Load(); got == nil || !strings.HasPrefix(*got, tt.want) {
				t.Errorf("logged %v, want a text that begins with %q", got, tt.want)
			}
		})
	}
}
