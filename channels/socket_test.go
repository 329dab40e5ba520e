package channels_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/wstest"
)

// quiet returns a server that does not log, for tests of what goes wrong.
func quiet() *channels.Server {
	return &channels.Server{Logger: slog.New(slog.DiscardHandler)}
}

func TestReturnDecidesCloseCode(t *testing.T) {
	tests := []struct {
		send   string
		code   channels.StatusCode
		reason string
	}{
		{"return", channels.StatusNormalClosure, ""},
		{"done", channels.StatusNormalClosure, ""},
		{"fail", channels.StatusInternalError, ""},
		{"panic", channels.StatusInternalError, ""}, // R17
		{"close", 4321, "on demand"},
	}
	for _, tt := range tests {
		t.Run(tt.send, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := wstest.NewServer(t, quiet().HandlerFunc(echo))
				c, other := srv.Dial("/"), srv.Dial("/")
				c.Send(tt.send)
				if got := c.WantClose(tt.code); got != tt.reason {
					t.Errorf("reason %q, want %q", got, tt.reason)
				}
				other.Send("still here")
				other.Want("still here")
			})
		})
	}
}

// L3, and the rule that no internal error's text reaches the peer: it is logged.
func TestErrorTextIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var buf bytes.Buffer
		server := &channels.Server{Logger: slog.New(slog.NewTextHandler(&buf, nil))}
		srv := wstest.NewServer(t, server.HandlerFunc(func(context.Context, *channels.Socket) error {
			return errors.New("database password is 1234")
		}))
		if reason := srv.Dial("/").WantClose(channels.StatusInternalError); reason != "" {
			t.Errorf("reason %q", reason)
		}
		if !strings.Contains(buf.String(), "database password") {
			t.Errorf("the error is not in the log:\n%s", &buf)
		}
	})
}

func TestPanicIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := make(chan string, 1)
		server := quiet()
		server.Panic = func(ctx context.Context, v any, stack []byte) {
			if _, ok := channels.ScopeFrom(ctx); ok && bytes.Contains(stack, []byte("echo")) {
				got <- v.(string)
			}
		}
		srv := wstest.NewServer(t, server.HandlerFunc(echo))
		srv.Dial("/").Send("panic")
		if v := <-got; v != "on demand" {
			t.Errorf("panic value %q", v)
		}
	})
}

// A log of consumer calls.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(line string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, line)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Join(j.lines, " ")
}

// A room joins its clients to a group, and tells it what they say.
type room struct {
	srv   *channels.Server
	log   *journal
	group string
}

func (r *room) Connect(ctx context.Context, s *channels.Socket) error {
	r.log.add("connect")
	return s.Join(ctx, r.group)
}

func (r *room) Receive(ctx context.Context, s *channels.Socket, m channels.Message) error {
	r.log.add("receive:" + string(m.Data))
	switch text := string(m.Data); {
	case text == "quit":
		return channels.Done
	case strings.HasPrefix(text, "event:"):
		return r.srv.Notify(ctx, r.group, channels.Event{Type: "note", Data: m.Data[6:]})
	}
	return r.srv.Broadcast(ctx, r.group, m)
}

func (r *room) ReceiveEvent(ctx context.Context, s *channels.Socket, e channels.Event) error {
	r.log.add(e.Type + ":" + string(e.Data))
	return s.Send(ctx, channels.Text(e.Type+" "+string(e.Data)))
}

func (r *room) Disconnect(ctx context.Context, s *channels.Socket, why error) {
	r.log.add("disconnect:" + channels.CloseStatus(why).String())
}

func TestConsumer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, log := quiet(), new(journal)
		srv := wstest.NewServer(t, server.Handler(channels.Consume(func() *room {
			return &room{server, log, "lobby"}
		})))
		a := srv.Dial("/")
		a.Send("one")
		a.Want("one")
		a.Send("event:two")
		a.Want("note two")
		a.Conn.Close(4000, "")
		synctest.Wait()
		want := "connect receive:one receive:event:two note:two disconnect:4000"
		if got := log.String(); got != want {
			t.Errorf("calls\n\t%s\nwant\n\t%s", got, want)
		}
	})
}

func TestGroups(t *testing.T) {
	layers := map[string]func() channels.Layer{
		"no layer":    func() channels.Layer { return nil },
		"MemoryLayer": func() channels.Layer { return new(channels.MemoryLayer) },
	}
	for name, layer := range layers {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := quiet()
				server.Layer = layer()
				srv := wstest.NewServer(t, server.Handler(channels.Consume(func() *room {
					return &room{server, new(journal), "lobby"}
				})))
				a, b, c := srv.Dial("/"), srv.Dial("/"), srv.Dial("/")
				synctest.Wait() // all have joined
				a.Send("hello")
				for _, c := range []*wstest.Client{a, b, c} {
					c.Want("hello")
				}
				// First in, first out, for each sender.
				for i := range 50 {
					b.Send(strings.Repeat("x", i))
				}
				for i := range 50 {
					c.Want(strings.Repeat("x", i))
				}
				// Membership ends with the connection.
				b.CloseNow()
				synctest.Wait()
				a.Send("event:bye")
				a.Want("hello"[:0])
				c.Want("note bye")
				if err := server.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// Two servers that share a layer share their groups and disconnects.
func TestTwoServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		layer := new(channels.MemoryLayer)
		var clients []*wstest.Client
		var servers []*channels.Server
		for range 2 {
			server := quiet()
			server.Layer = layer
			servers = append(servers, server)
			h := channels.Consume(func() *room { return &room{server, new(journal), "lobby"} })
			srv := wstest.NewServer(t, channels.WithScope(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				scope, _ := channels.ScopeFrom(r.Context())
				scope.Guard("test", channels.Guard{Tags: []string{"user:1"}})
				server.Accept(w, r, h)
			})))
			clients = append(clients, srv.Dial("/"))
		}
		synctest.Wait()
		clients[0].Send("hello")
		clients[0].Want("hello")
		clients[1].Want("hello")
		if err := servers[0].Disconnect(t.Context(), "user:1", "logged out"); err != nil {
			t.Fatal(err)
		}
		for _, c := range clients {
			if got := c.WantClose(channels.StatusUnauthorized); got != "logged out" {
				t.Errorf("reason %q", got)
			}
		}
		for _, s := range servers {
			if err := s.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
}

// R11: group names and their number are bounded.
func TestJoinLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := quiet()
		server.MaxGroups = 10
		srv := wstest.NewServer(t, server.HandlerFunc(func(ctx context.Context, s *channels.Socket) error {
			for _, name := range []string{"", "a b", "a/b", "ä", "a\n", strings.Repeat("a", 101), strings.Repeat("a", 10<<10)} {
				if s.Join(ctx, name) == nil {
					return channels.Closef(4001, "joined %q", name)
				}
			}
			for i := range 10 {
				if err := s.Join(ctx, "g"+string(rune('0'+i))); err != nil {
					return channels.Closef(4002, "%v", err)
				}
			}
			if err := s.Join(ctx, "g0"); err != nil { // again
				return channels.Closef(4003, "%v", err)
			}
			if err := s.Join(ctx, "g10"); !errors.Is(err, channels.ErrTooManyGroups) {
				return channels.Closef(4004, "%v", err)
			}
			if err := s.Leave(ctx, "g0", "never joined"); err != nil {
				return channels.Closef(4005, "%v", err)
			}
			if err := s.Join(ctx, "g10"); err != nil {
				return channels.Closef(4006, "%v", err)
			}
			return nil
		}))
		srv.Dial("/").WantClose(channels.StatusNormalClosure)
	})
}

// The socket outlives its request: ServeHTTP has returned, and the request's
// context, which is over, does not show through; what Server.Context copies does.
func TestDetachedFromRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type key string
		returned := make(chan struct{})
		server := quiet()
		server.Context = func(r *http.Request) context.Context {
			return context.WithValue(context.Background(), key("copied"), r.Context().Value(key("copied")))
		}
		server.KeepHeaders = []string{"user-agent"}
		h := server.HandlerFunc(func(ctx context.Context, s *channels.Socket) error {
			<-returned
			time.Sleep(time.Hour)
			switch scope := s.Scope(); {
			case ctx.Err() != nil:
				return channels.Closef(4001, "context is over")
			case ctx.Value(key("copied")) != "yes" || ctx.Value(key("other")) != nil:
				return channels.Closef(4002, "values")
			case ctx.Value(http.ServerContextKey) != nil:
				return channels.Closef(4003, "the request's context shows through")
			case scope.Path() != "/a" || scope.Host() != "localhost" || scope.Protocol() != "websocket":
				return channels.Closef(4004, "scope %v", scope)
			case scope.Header("User-Agent") != "test" || scope.Header("X-Other") != "":
				return channels.Closef(4005, "headers")
			}
			return nil
		})
		srv := wstest.NewServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx := context.WithValue(r.Context(), key("copied"), "yes")
			ctx = context.WithValue(ctx, key("other"), "no")
			h.ServeHTTP(w, r.WithContext(ctx))
			close(returned)
		}))
		c := srv.Dial("/a?token=x", func(o *channels.DialOptions) {
			o.Header = http.Header{"User-Agent": {"test"}, "X-Other": {"1"}}
		})
		time.Sleep(2 * time.Hour)
		c.WantClose(channels.StatusNormalClosure)
	})
}

// The context of a socket ends with the connection, and its cause says how.
func TestContextCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cause := make(chan error, 1)
		srv := wstest.NewServer(t, quiet().HandlerFunc(func(ctx context.Context, s *channels.Socket) error {
			go s.Read(ctx)
			<-ctx.Done()
			cause <- context.Cause(ctx)
			return nil
		}))
		srv.Dial("/").Conn.Close(4100, "so")
		if err := <-cause; channels.CloseStatus(err) != 4100 || !errors.Is(err, net.ErrClosed) {
			t.Errorf("cause %v", err)
		}
		srv.Dial("/").CloseNow()
		if err := <-cause; channels.CloseStatus(err) != channels.StatusAbnormalClosure || !errors.Is(err, net.ErrClosed) {
			t.Errorf("cause %v", err)
		}
	})
}

// A handler that only sends learns from Send, and from Flush, that the connection was
// lost.
func TestSendAfterALoss(t *testing.T) {
	for _, size := range []int{10, 100_000} {
		synctest.Test(t, func(t *testing.T) {
			closed, returned := make(chan struct{}), make(chan [2]error, 1)
			nc := rawDial(t, wstest.NewServer(t, quiet().HandlerFunc(func(ctx context.Context, s *channels.Socket) error {
				<-closed
				var sent, flushed error
				for i := 0; sent == nil && i < 1000; i++ {
					sent = s.Send(ctx, channels.Binary(make([]byte, size)))
					flushed = s.Flush(ctx)
				}
				returned <- [2]error{sent, flushed}
				return nil
			})))
			nc.Close()
			close(closed)
			for _, err := range <-returned {
				if !errors.Is(err, net.ErrClosed) {
					t.Errorf("%d bytes: after a thousand of them Send or Flush returned %v", size, err)
				}
			}
		})
	}
}
