package channels_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/wstest"
)

// A visitor shows its client in "lobby" under the key in the query, and tells it what
// it is told of the others.
type visitor struct{ srv *channels.Server }

func (v *visitor) Connect(ctx context.Context, s *channels.Socket) error {
	query, err := s.Scope().Query()
	if err != nil {
		return err
	}
	if query.Has("watch") {
		err = s.Watch(ctx, "lobby")
	} else {
		err = s.Track(ctx, "lobby", query.Get("key"), nil)
	}
	if err != nil {
		return err
	}
	return s.Send(ctx, channels.Text("ready"))
}

func (v *visitor) Receive(ctx context.Context, s *channels.Socket, m channels.Message) error {
	switch command, arg, _ := strings.Cut(string(m.Data), " "); command {
	case "members":
		members, err := v.srv.Members(ctx, "lobby")
		if err != nil {
			return err
		}
		return s.Send(ctx, channels.Text(summary(members)))
	case "track":
		return s.Track(ctx, "lobby", arg, map[string]int{"n": len(arg)})
	case "watch":
		return s.Watch(ctx, "lobby")
	case "untrack":
		s.Untrack("lobby")
		return nil
	}
	return fmt.Errorf("what is %q?", m.Data)
}

func (v *visitor) ReceiveEvent(ctx context.Context, s *channels.Socket, e channels.Event) error {
	if e.Type != channels.EventPresence || e.Group != "lobby" {
		return fmt.Errorf("event %q of %q", e.Type, e.Group)
	}
	text := ""
	if len(e.Presence.Joins) > 0 {
		text = "+" + summary(e.Presence.Joins)
	}
	if len(e.Presence.Leaves) > 0 {
		text += "-" + summary(e.Presence.Leaves)
	}
	return s.Send(ctx, channels.Text(text))
}

// summary is the members' keys and metadata.
func summary(members []channels.Member) string {
	list := make([]string, len(members))
	for i, m := range members {
		list[i] = m.Key + string(m.Meta)
	}
	return "[" + strings.Join(list, " ") + "]"
}

// A site is one process: a server with its clients.
type site struct {
	*wstest.Server
	server *channels.Server
}

func newSite(t *testing.T, layer channels.Layer) site {
	server := quiet()
	server.Layer = layer
	server.Upgrader.PingInterval = -1 // the clients do not always read
	t.Cleanup(func() { server.Shutdown(context.Background()) })
	h := server.Handler(channels.Consume(func() *visitor { return &visitor{server} }))
	return site{wstest.NewServer(t, h), server}
}

// enter lets a client in.
func (p site) enter(key string) *wstest.Client {
	c := p.Dial("/?key=" + key)
	c.Want("ready")
	return c
}

func (p site) wantMembers(t *testing.T, want string) {
	t.Helper()
	members, err := p.server.Members(t.Context(), "lobby")
	if err != nil {
		t.Fatal(err)
	}
	if got := summary(members); got != want {
		t.Errorf("members are %s, want %s", got, want)
	}
}

func TestPresence(t *testing.T) {
	for name, layer := range map[string]channels.Layer{"one process": nil, "layer": new(channels.MemoryLayer)} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newSite(t, layer)
				alice := p.enter("alice")
				alice.Want("+[alice]") // itself
				time.Sleep(time.Second)
				bob := p.enter("bob")
				alice.Want("+[bob]")
				bob.Want("+[bob]")
				bob.Send("members")
				bob.Want("[alice bob]")
				again := p.enter("alice")
				alice.Want("+[alice]")
				again.Want("+[alice]")
				bob.Want("+[alice]")
				p.wantMembers(t, "[alice alice bob]")

				time.Sleep(time.Second)
				bob.Send("track bobby") // other metadata, and another key
				alice.Want(`+[bobby{"n":5}]`)
				bob.Want(`+[bobby{"n":5}]`)
				bob.Send("watch")
				alice.Want(`-[bobby{"n":5}]`)
				bob.Want(`-[bobby{"n":5}]`)
				bob.Send("untrack")
				alice.CloseNow()
				again.Want(`+[bobby{"n":5}]`) // what it has not read yet
				again.Want(`-[bobby{"n":5}]`)
				again.Want("-[alice]")
				again.CloseNow()
				bob.WantNothing(time.Minute)
				p.wantMembers(t, "[]")
			})
		})
	}
}

const heartbeat = 10 * time.Second // the default

// A crowd that comes at once is few events, and few messages.
func TestPresenceOfCrowd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		layer := new(channels.MemoryLayer)
		one, two := newSite(t, layer), newSite(t, layer)
		var mu sync.Mutex
		messages := 0
		cancel, err := layer.Subscribe(t.Context(), "presence:lobby", func([]byte) {
			mu.Lock()
			defer mu.Unlock()
			messages++
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer cancel()
		watch := one.Dial("/?watch")
		watch.Want("ready")
		const crowd = 200
		for i := range crowd {
			two.enter(fmt.Sprint("user", i))
		}
		joined, events := 0, 0
		for joined < crowd {
			m := watch.Receive()
			events++
			joined += strings.Count(string(m.Data), "user")
		}
		mu.Lock()
		defer mu.Unlock()
		if joined != crowd || events > 20 || messages > 40 {
			t.Errorf("%d have joined, in %d events and %d messages", joined, events, messages)
		}
	})
}

func TestTrackIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := quiet()
		server.MaxGroups = 2
		ended := make(chan *channels.Socket, 1)
		srv := wstest.NewServer(t, server.HandlerFunc(func(ctx context.Context, s *channels.Socket) error {
			defer func() { ended <- s }()
			long := strings.Repeat("x", 257)
			for _, err := range []error{
				s.Track(ctx, "a", "", nil),
				s.Track(ctx, "a", long, nil),
				s.Track(ctx, "a", "\xff", nil),
				s.Track(ctx, "a", "alice", strings.Repeat("x", 1023)),
				s.Track(ctx, "a", "alice", func() {}),
				s.Track(ctx, "a b", "alice", nil),
				s.Watch(ctx, ""),
			} {
				if err == nil {
					t.Error("it is not refused")
				}
			}
			if _, err := server.Members(ctx, "a b"); err == nil {
				t.Error("Members does not refuse a name that is none")
			}
			for _, err := range []error{
				s.Track(ctx, "a", long[:256], strings.Repeat("x", 1022)),
				s.Watch(ctx, "b"),
				s.Track(ctx, "b", "alice", nil),
			} {
				if err != nil {
					t.Error(err)
				}
			}
			// R11: a connection is in a bounded number of groups.
			if err := s.Track(ctx, "c", "alice", nil); !errors.Is(err, channels.ErrTooManyGroups) {
				t.Errorf("the third of two groups: %v", err)
			}
			s.Untrack("a", "unknown")
			if err := s.Track(ctx, "c", "alice", nil); err != nil {
				t.Errorf("after one was left: %v", err)
			}
			return nil
		}))
		srv.Dial("/").WantClose(channels.StatusNormalClosure)
		synctest.Wait()
		s := <-ended
		if err := s.Track(t.Context(), "a", "alice", nil); err == nil {
			t.Error("a socket that has ended is shown")
		}
		for _, group := range []string{"a", "b", "c"} {
			if members, err := server.Members(t.Context(), group); err != nil || len(members) != 0 {
				t.Errorf("members of %s after the end: %v, %v", group, members, err)
			}
		}
	})
}

// A27: a connection that becomes another user's is not shown as the former's any more.
func TestLeaveGroupsLeavesPresence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newSite(t, nil)
		alice := p.enter("alice")
		for s := range p.server.Sockets() {
			s.Scope().LeaveGroups()
		}
		p.wantMembers(t, "[]")
		alice.Send("track bob")
		time.Sleep(time.Second)
		p.wantMembers(t, `[bob{"n":3}]`)
	})
}

// A layer that takes nothing, or does not answer, keeps nobody from joining or ending.
func TestPresenceWithoutLayer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hung := new(hung)
		p := newSite(t, hung)
		alice := p.enter("alice")
		alice.Want("+[alice]")
		alice.Send("members")
		alice.Want("[alice]")
		time.Sleep(5 * heartbeat)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		go alice.Discard(ctx)
		start := time.Now()
		p.server.Shutdown(ctx)
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("Shutdown took %v", took)
		}
		if _, err := p.server.Members(t.Context(), "elsewhere"); !errors.Is(err, channels.ErrDraining) {
			t.Errorf("Members after the end: %v", err)
		}
	})
}
