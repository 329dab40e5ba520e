package channels_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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

// A patchy layer is one process's connection to a layer that all share: it loses some
// messages, or all of them, delays them, and cannot reach some processes.
type patchy struct {
	hub  *hub
	name string
	gap  []func()
}

type hub struct {
	channels.MemoryLayer
	mu    sync.Mutex
	rng   *rand.Rand
	loss  float64
	dead  map[string]bool
	side  map[string]bool // of a partition
	delay time.Duration
}

func newHub(seed uint64) *hub {
	return &hub{rng: rand.New(rand.NewPCG(seed, 1)), dead: map[string]bool{}, side: map[string]bool{}}
}

func (h *hub) layer(name string) *patchy { return &patchy{hub: h, name: name} }

func (h *hub) set(change func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change()
}

func (h *hub) passes(from, to string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return from == to || !h.dead[from] && !h.dead[to] && h.side[from] == h.side[to] && h.rng.Float64() >= h.loss
}

func (l *patchy) Publish(ctx context.Context, topic string, msg []byte) error {
	l.hub.mu.Lock()
	delay := l.hub.delay
	l.hub.mu.Unlock()
	time.Sleep(delay)
	return l.hub.MemoryLayer.Publish(ctx, topic, append([]byte(l.name+"\n"), msg...))
}

func (l *patchy) Subscribe(ctx context.Context, topic string, deliver func([]byte), gap func()) (func() error, error) {
	l.hub.set(func() { l.gap = append(l.gap, gap) })
	return l.hub.MemoryLayer.Subscribe(ctx, topic, func(b []byte) {
		from, msg, _ := strings.Cut(string(b), "\n")
		if l.hub.passes(from, l.name) {
			deliver([]byte(msg))
		}
	}, gap)
}

const heartbeat = 10 * time.Second // the default

// Who is where is known on all processes; whoever is new is told; a process that ends
// says so.
func TestPresenceAcrossProcesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		layer := new(channels.MemoryLayer)
		one, two, three := newSite(t, layer), newSite(t, layer), newSite(t, layer)
		alice, bob := one.enter("alice"), two.enter("bob")
		time.Sleep(time.Second)
		one.wantMembers(t, "[alice bob]")
		two.wantMembers(t, "[alice bob]")

		// A process without sockets there asks; it takes a moment.
		start := time.Now()
		three.wantMembers(t, "[alice bob]")
		if took := time.Since(start); took != heartbeat/10 {
			t.Errorf("to ask took %v, want %v", took, heartbeat/10)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := three.server.Members(ctx, "lobby"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("to ask for a moment: %v", err)
		}

		lurker := three.Dial("/?watch")
		lurker.Want("ready")
		for seen := 0; seen < 2; { // the answers of two processes
			seen += strings.Count(string(lurker.Receive().Data), "+")
		}
		start = time.Now()
		lurker.Send("members")
		lurker.Want("[alice bob]")
		if took := time.Since(start); took != 0 {
			t.Errorf("Members took %v", took)
		}
		bob.CloseNow()
		lurker.Want("-[bob]")
		again := two.enter("bob")
		lurker.Want("+[bob]")
		time.Sleep(10 * heartbeat) // nothing happens
		one.wantMembers(t, "[alice bob]")

		start = time.Now()
		go again.Discard(t.Context())
		if err := two.server.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		lurker.Want("-[bob]")
		if took := time.Since(start); took > 6*time.Second { // the window of the end is 5 s
			t.Errorf("it took %v until those of a process that has ended were gone", took)
		}
		one.wantMembers(t, "[alice]")
		alice.CloseNow()
		lurker.CloseNow()
	})
}

func TestPresenceOfKilledProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := newHub(1)
		one, two := newSite(t, hub.layer("one")), newSite(t, hub.layer("two"))
		alice := one.enter("alice")
		alice.Want("+[alice]")
		two.enter("bob")
		alice.Want("+[bob]")
		time.Sleep(heartbeat)
		hub.set(func() { hub.dead["two"] = true })
		time.Sleep(2 * heartbeat)
		one.wantMembers(t, "[alice bob]")
		time.Sleep(2 * heartbeat)
		one.wantMembers(t, "[alice]")
		alice.Want("-[bob]")
		// It was cut off, not killed.
		hub.set(func() { clear(hub.dead) })
		time.Sleep(heartbeat * 3 / 2)
		one.wantMembers(t, "[alice bob]")
		alice.Want("+[bob]")
	})
}

func TestPresenceOfLostMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := newHub(1)
		one, two := newSite(t, hub.layer("one")), newSite(t, hub.layer("two"))
		one.enter("alice")
		bob := two.enter("bob")
		for _, step := range []struct {
			do   func()
			want string
		}{
			{func() { two.enter("carol") }, "[alice bob carol]"},
			{func() { bob.CloseNow() }, "[alice carol]"},
			{func() { two.enter("dave") }, "[alice carol dave]"},
		} {
			hub.set(func() { hub.loss = 1 })
			step.do()
			time.Sleep(time.Second)
			hub.set(func() { hub.loss = 0 })
			time.Sleep(heartbeat * 3 / 2)
			one.wantMembers(t, step.want)
			two.wantMembers(t, step.want)
		}

		// The layer has noticed itself: then it does not take a heartbeat.
		hub.set(func() { hub.loss = 1 })
		two.enter("eve")
		time.Sleep(time.Second)
		hub.set(func() { hub.loss = 0 })
		layer := one.server.Layer.(*patchy)
		for _, gap := range layer.gap {
			if gap != nil {
				gap()
			}
		}
		time.Sleep(heartbeat / 10)
		one.wantMembers(t, "[alice carol dave eve]")
	})
}

// Whatever the layer did, all processes agree within four heartbeats of its end.
func TestPresenceConverges(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hub := newHub(seed)
				rng := rand.New(rand.NewPCG(seed, 2))
				sites := make([]site, 4)
				clients := make([]map[*wstest.Client]string, len(sites))
				for i := range sites {
					sites[i] = newSite(t, hub.layer(fmt.Sprint(i)))
					clients[i] = make(map[*wstest.Client]string)
				}
				for step := range 80 {
					i := rng.IntN(len(sites))
					switch rng.IntN(8) {
					case 0, 1, 2, 3:
						key := fmt.Sprint("user", step)
						clients[i][sites[i].enter(key)] = key
					case 4, 5:
						for c := range clients[i] {
							c.CloseNow()
							delete(clients[i], c)
							break
						}
					case 6:
						hub.set(func() { hub.loss = rng.Float64() })
					case 7:
						hub.set(func() {
							hub.side[fmt.Sprint(i)] = rng.IntN(2) == 0
							hub.delay = time.Duration(rng.IntN(100)) * time.Millisecond
						})
					}
					time.Sleep(time.Duration(rng.Int64N(int64(heartbeat / 4))))
				}
				killed := rng.IntN(len(sites))
				hub.set(func() { hub.loss, hub.dead[fmt.Sprint(killed)] = 0, true; clear(hub.side) })
				time.Sleep(4 * heartbeat)
				var keys []string
				for i := range sites {
					if i != killed {
						for _, key := range clients[i] {
							keys = append(keys, key)
						}
					}
				}
				slices.Sort(keys)
				for i, p := range sites {
					if i != killed {
						p.wantMembers(t, "["+strings.Join(keys, " ")+"]")
					}
				}
			})
		})
	}
}

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

// A hung layer takes no message until the publisher gives up.
type hung struct{ channels.MemoryLayer }

func (*hung) Publish(ctx context.Context, _ string, _ []byte) error {
	<-ctx.Done()
	return ctx.Err()
}

// The last one leaves while the layer is taking its time: the goodbye comes after what
// is under way.
func TestPresenceEndsWhilePublishing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := newHub(1)
		hub.delay = time.Second
		one, two := newSite(t, hub.layer("one")), newSite(t, hub.layer("two"))
		alice, bob := one.enter("alice"), two.enter("bob")
		alice.Want("+[alice]")
		alice.Want("+[bob]")
		two.enter("carol")
		bob.CloseNow()
		if err := two.server.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * time.Second)
		one.wantMembers(t, "[alice]")

		// Again, without a layer that comes to an end.
		hung := newSite(t, new(hung))
		dave := hung.enter("dave")
		synctest.Wait()
		dave.CloseNow()
		synctest.Wait()
		hung.enter("dave").CloseNow()
	})
}

// A layer that cannot subscribe is an error of Track and Members; the next may succeed.
func TestPresenceNeedsSubscription(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, layer := quiet(), new(unready)
		server.Layer = layer
		srv := wstest.NewServer(t, server.HandlerFunc(func(ctx context.Context, s *channels.Socket) error {
			short, cancel := context.WithTimeout(ctx, time.Millisecond)
			defer cancel()
			var wg sync.WaitGroup
			wg.Go(func() {
				if err := s.Watch(ctx, "lobby"); err == nil || errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("Watch: %v, want the layer's error", err)
				}
			})
			synctest.Wait()
			if err := s.Track(short, "lobby", "alice", nil); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Track with a short context: %v", err)
			}
			wg.Wait()
			if _, err := server.Members(ctx, "lobby"); err == nil {
				t.Error("Members: no error")
			}
			layer.ready.Store(true)
			if err := s.Track(ctx, "lobby", "alice", nil); err != nil {
				t.Error(err)
			}
			var n int
			members, err := server.Members(ctx, "lobby")
			if err != nil || len(members) != 1 {
				t.Fatalf("members: %v, %v", members, err)
			}
			if err := members[0].Decode(&n); err == nil {
				t.Error("no metadata is decoded")
			}
			if err := s.Track(ctx, "lobby", "alice", 7); err != nil {
				t.Error(err)
			}
			members, err = server.Members(ctx, "lobby")
			if err != nil || members[0].Decode(&n) != nil || n != 7 {
				t.Errorf("members: %v, %v; the metadata is %d, want 7", members, err, n)
			}
			return nil
		}))
		srv.Dial("/").WantClose(channels.StatusNormalClosure)
		if err := server.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// An unready layer carries no presence until it is ready.
type unready struct {
	channels.MemoryLayer
	ready atomic.Bool
}

func (l *unready) Subscribe(ctx context.Context, topic string, deliver func([]byte), gap func()) (func() error, error) {
	if strings.HasPrefix(topic, "presence:") && !l.ready.Load() {
		time.Sleep(time.Second)
		return nil, errors.New("not ready")
	}
	return l.MemoryLayer.Subscribe(ctx, topic, deliver, gap)
}

// What is not JSON cannot come from others: members can be encoded.
func TestPresenceOfStranger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		layer := new(channels.MemoryLayer)
		p := newSite(t, layer)
		p.enter("alice")
		rng := rand.New(rand.NewPCG(1, 1))
		for range 1000 {
			b := []byte("\x01sStranger\x0a\x01\x01\x00\x03\x01\x01k1")
			for range rng.IntN(4) {
				b[rng.IntN(len(b))] = byte(rng.IntN(256))
			}
			if err := layer.Publish(t.Context(), "presence:lobby", b[:1+rng.IntN(len(b))]); err != nil {
				t.Fatal(err)
			}
		}
		members, err := p.server.Members(t.Context(), "lobby")
		if err != nil {
			t.Fatal(err)
		}
		if len(members) < 2 {
			t.Error("none of the messages was well-formed")
		}
		if _, err := json.Marshal(members); err != nil {
			t.Error(err)
		}
	})
}
