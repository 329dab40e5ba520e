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
