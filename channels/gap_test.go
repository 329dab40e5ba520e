package channels_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/wstest"
)

// A gapTest is a socket in the group "lobby", and publishers that are processes of
// their own.
type gapTest struct {
	*testing.T
	layer  *faulty
	client *wstest.Client
	log    *journal // of the consumer's events
	told   *journal // of calls of Server.Gap
	all    []*channels.Server
}

// A watch notes events.
type watch struct{ log *journal }

func (w watch) Connect(ctx context.Context, s *channels.Socket) error { return s.Join(ctx, "lobby") }

func (watch) Receive(context.Context, *channels.Socket, channels.Message) error { return nil }

func (w watch) ReceiveEvent(_ context.Context, _ *channels.Socket, e channels.Event) error {
	w.log.add(fmt.Sprintf("%s %s %d", e.Type, e.Group, e.Missed))
	return nil
}

func newGapTest(t *testing.T) *gapTest {
	g := &gapTest{T: t, layer: new(faulty)}
	g.join()
	time.Sleep(time.Minute)
	return g
}

// join makes the process that receives.
func (g *gapTest) join() {
	log, told := new(journal), new(journal)
	g.log, g.told = log, told
	server := g.server()
	server.Gap = func(group string, missed int) { told.add(fmt.Sprintf("channels.gap %s %d", group, missed)) }
	server.Upgrader.PingInterval = -1 // the client does not always read
	g.client = wstest.NewServer(g.T, server.Handler(channels.Consume(func() watch { return watch{log} }))).Dial("/")
	synctest.Wait()
}

func (g *gapTest) server() *channels.Server {
	server := quiet()
	server.Layer = g.layer
	g.all = append(g.all, server)
	return server
}

func (g *gapTest) publish(server *channels.Server, texts ...string) {
	g.Helper()
	for _, text := range texts {
		if err := server.Broadcast(g.Context(), "lobby", channels.Text(text)); err != nil && !errors.Is(err, errUnreachable) {
			g.Fatal(err)
		}
	}
}

// lateCut has a publisher, the second server, that has been at it for a while, a
// subscriber that joins, and a cut in which the publisher loses texts. Back ends it, which
// the publisher alone notices.
func (g *gapTest) lateCut(texts ...string) (back func()) {
	g.Helper()
	before := len(g.layer.subscribed())
	p := g.server()
	g.publish(p, "a")
	time.Sleep(5 * time.Second) // it listens itself now
	gaps := g.layer.subscribed()[before:]
	g.join()
	g.layer.set(everything(lose))
	g.publish(p, texts...)
	time.Sleep(100 * time.Millisecond)
	return func() {
		g.layer.set(nil)
		for _, gap := range gaps {
			gap()
		}
	}
}

// want waits for the gaps, and that there are no others.
func (g *gapTest) want(within time.Duration, want string) {
	g.Helper()
	time.Sleep(within)
	synctest.Wait()
	if got := g.log.String(); got != want {
		g.Errorf("after %v the consumer was told %q, want %q", within, got, want)
	}
	if got := g.told.String(); got != want {
		g.Errorf("after %v Server.Gap was told %q, want %q", within, got, want)
	}
	time.Sleep(time.Hour)
	if got := g.log.String(); got != want {
		g.Errorf("in the end the consumer was told %q, want %q", got, want)
	}
}

func (g *gapTest) received(texts ...string) {
	g.Helper()
	for _, text := range texts {
		g.client.Want(text)
	}
	g.client.WantNothing(time.Second)
}

func (g *gapTest) close() {
	g.client.CloseNow()
	for _, server := range g.all {
		if err := server.Shutdown(g.Context()); err != nil {
			g.Error(err)
		}
	}
}

const one, two = "channels.gap lobby 1", "channels.gap lobby 2"

// What was published and has not come is told, with its number, and nothing else is.
func TestGapOfSequence(t *testing.T) {
	tests := map[string]func(g *gapTest){
		"nothing": func(g *gapTest) {
			g.publish(g.server(), "a", "b", "c")
			g.want(0, "")
			g.received("a", "b", "c")
		},
		"in the middle": func(g *gapTest) {
			g.layer.set(to(lose, "b", "c"))
			g.publish(g.server(), "a", "b", "c", "d")
			g.want(time.Second, two)
			g.received("a", "d")
		},
		"the last": func(g *gapTest) {
			g.layer.set(to(lose, "c"))
			g.publish(g.server(), "a", "b", "c")
			g.want(10*time.Second, one)
			g.received("a", "b")
		},
		"the first": func(g *gapTest) {
			g.layer.set(to(lose, "a", "b"))
			g.publish(g.server(), "a", "b", "c")
			g.want(10*time.Second, two)
			g.received("c")
		},
		"the only one": func(g *gapTest) {
			g.layer.set(to(lose, "a"))
			g.publish(g.server(), "a")
			g.want(10*time.Second, one)
			g.received()
		},
		"an event": func(g *gapTest) {
			g.layer.set(to(lose, "lost"))
			if err := g.server().Notify(g.Context(), "lobby", channels.Event{Type: "note", Data: []byte("lost")}); err != nil {
				g.Fatal(err)
			}
			g.want(10*time.Second, one)
		},
		"published with an error": func(g *gapTest) {
			g.layer.set(to(refuse, "b"))
			g.publish(g.server(), "a", "b", "c")
			g.want(time.Second, one)
			g.received("a", "c")
		},
		"of two publishers": func(g *gapTest) {
			g.layer.set(to(lose, "b", "2"))
			p, q := g.server(), g.server()
			g.publish(p, "a")
			g.publish(q, "1")
			g.publish(p, "b", "c")
			g.publish(q, "2", "3")
			g.want(time.Second, two)
			g.received("a", "1", "c", "3")
		},
		"a publisher restarts": func(g *gapTest) {
			p := g.server()
			g.publish(p, "a", "b")
			if err := p.Shutdown(g.Context()); err != nil {
				g.Error(err)
			}
			g.publish(g.server(), "c", "d")
			g.want(0, "")
			g.received("a", "b", "c", "d")
		},
		"a publisher is quiet for long": func(g *gapTest) {
			p := g.server()
			g.publish(p, "a")
			time.Sleep(time.Hour)
			g.layer.set(to(lose, "b"))
			g.publish(p, "b", "c")
			g.want(10*time.Second, one)
			g.received("a", "c")
		},
		"a subscriber joins late": func(g *gapTest) {
			p := g.server()
			g.publish(p, "a", "b")
			g.join()
			g.publish(p, "c")
			g.want(0, "")
			g.received("c")
		},
		"publishers come and go": func(g *gapTest) {
			stays, other := g.server(), g.server()
			for i := range 300 {
				g.publish(stays, "a")
				if i%50 == 0 {
					g.publish(other, "b")
				}
				p := g.server()
				g.publish(p, "c", "d")
				if i%2 == 0 {
					p.Shutdown(g.Context())
				}
				time.Sleep(time.Duration(i%8) * time.Second)
			}
			g.want(time.Minute, "")
		},
		"more publishers than are remembered": func(g *gapTest) {
			var all []*channels.Server
			for range 300 {
				all = append(all, g.server())
			}
			for range 3 {
				for _, p := range all {
					g.publish(p, "a")
				}
				time.Sleep(40 * time.Second)
			}
			g.want(time.Minute, "")
		},
		"twice": func(g *gapTest) {
			g.layer.set(to(double, "a", "b", "c"))
			g.publish(g.server(), "a", "b", "c")
			g.want(0, "")
			g.received("a", "b", "c")
		},
		"the announcement is lost, too": func(g *gapTest) {
			g.layer.set(everything(lose))
			g.publish(g.server(), "a")
			time.Sleep(6 * time.Second)
			g.layer.set(nil)
			g.want(12*time.Second, one)
		},
		"the publisher shuts down": func(g *gapTest) {
			g.layer.set(to(lose, "a"))
			p := g.server()
			g.publish(p, "a")
			if err := p.Shutdown(g.Context()); err != nil {
				g.Error(err)
			}
			synctest.Wait()
			g.want(0, one)
		},
		// The publisher is cut off and does not notice at once; the receiver is not.
		"a cut": func(g *gapTest) {
			p := g.server()
			g.publish(p, "a")
			time.Sleep(5 * time.Second) // it listens itself now
			g.layer.set(everything(lose))
			g.publish(p, "b", "c")
			time.Sleep(time.Minute)
			g.layer.back()
			g.want(10*time.Second, "channels.gap lobby -1 "+two)
			g.received("a")
		},
		// The publisher alone is cut off, just when a subscriber has joined.
		"a cut after joining late": func(g *gapTest) {
			back := g.lateCut("b", "c")
			back()
			g.want(10*time.Second, "channels.gap lobby -1")
			g.received()
		},
		"a cut after joining late, with a message behind it": func(g *gapTest) {
			back := g.lateCut("b", "c")
			g.layer.set(nil)
			g.publish(g.all[1], "d")
			back()
			g.want(10*time.Second, "channels.gap lobby -1")
			g.received("d")
		},
		"a cut before joining late": func(g *gapTest) {
			back := g.lateCut()
			back()
			time.Sleep(time.Second)
			g.join()
			g.publish(g.all[1], "d")
			g.want(0, "")
			g.received("d")
		},
		"a long outage": func(g *gapTest) {
			p := g.server()
			g.publish(p, "a")
			g.layer.set(everything(refuse))
			g.publish(p, "b")
			time.Sleep(time.Hour)
			g.layer.set(nil) // of which nobody is told
			g.want(10*time.Second, one)
			g.received("a")
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGapTest(t)
				test(g)
				g.close()
			})
		})
	}
}

// Calls of Publish may overtake each other: what is late is delivered, and what is
// too late is missing.
func TestGapReordering(t *testing.T) {
	for _, late := range []time.Duration{900 * time.Millisecond, 1100 * time.Millisecond} {
		t.Run(late.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGapTest(t)
				var held [][]byte
				g.layer.set(func(topic string, msg []byte) verdict {
					if !bytes.HasSuffix(msg, []byte("held")) {
						return deliver
					}
					held = append(held, bytes.Clone(msg))
					return lose
				})
				g.publish(g.server(), "a", "b held", "c held", "d held", "e")
				time.Sleep(late)
				for _, i := range []int{1, 2, 0} {
					if err := g.layer.MemoryLayer.Publish(t.Context(), "group:lobby", held[i]); err != nil {
						t.Fatal(err)
					}
				}
				if late < time.Second {
					g.want(time.Second, "")
					g.received("a", "e", "c held", "d held", "b held")
				} else {
					g.want(0, "channels.gap lobby 3")
					g.received("a", "e")
				}
				g.close()
			})
		})
	}
}

// A topic that is quiet costs nothing after its announcements; one that is busy next
// to nothing.
func TestAnnouncements(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGapTest(t)
		p := g.server()
		g.publish(p, "a")
		time.Sleep(time.Hour)
		if got := g.layer.published(); got != 3 {
			t.Errorf("%d messages were published for one, want 3: itself and two announcements", got)
		}
		for range 600 {
			g.publish(p, "b")
			time.Sleep(time.Second)
		}
		if got := g.layer.published() - 3; got < 601 || got > 625 {
			t.Errorf("%d messages were published for 600 in 10 minutes, want 5%% more at most", got)
		}
		g.close()
	})
}

// A23: a disconnect that was lost is found by asking, as soon as it is announced.
func TestLostDisconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		layer := new(faulty)
		here, there := quiet(), quiet()
		here.Layer, there.Layer = layer, layer
		here.Upgrader.PingInterval = -1 // the client does not always read
		var revoked atomic.Bool
		r := &rechecker{reject: func(*channels.Scope) error {
			if revoked.Load() {
				return errors.New("logged out")
			}
			return nil
		}}
		srv := wstest.NewServer(t, guarded(here, channels.Guard{Rechecker: r, Interval: time.Hour}, channels.HandlerFunc(echo)))
		c := srv.Dial("/")
		time.Sleep(time.Minute)
		layer.set(everything(lose))
		revoked.Store(true)
		if err := there.Disconnect(t.Context(), "user:1", ""); err != nil {
			t.Fatal(err)
		}
		layer.set(nil)
		start := time.Now()
		c.WantClose(channels.StatusUnauthorized)
		if d := time.Since(start); d > 10*time.Second {
			t.Errorf("it was closed after %v, want 10s at most", d)
		}
		for _, server := range []*channels.Server{here, there} {
			if err := server.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
}

// After an outage consumers learn that they may have missed something, and who was
// logged out meanwhile is found by asking, before the interval is over (A23).
func TestGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		layer, server := new(faulty), quiet()
		server.Layer = layer
		server.Upgrader.PingInterval = -1 // the clients do not always read
		told := new(journal)
		server.Gap = func(group string, missed int) { told.add(fmt.Sprint(group, missed)) }
		var revoked atomic.Bool
		r := &rechecker{reject: func(s *channels.Scope) error {
			if revoked.Load() && s.Path() == "/revoked" {
				return errors.New("logged out")
			}
			return nil
		}}
		g := channels.Guard{Rechecker: r, Interval: time.Hour}
		srv := wstest.NewServer(t, guarded(server, g, channels.Consume(func() *room { return &room{server, new(journal), "lobby"} })))
		stays, revokedOne := srv.Dial("/"), srv.Dial("/revoked")
		synctest.Wait()

		layer.set(everything(refuse))
		if err := server.Broadcast(t.Context(), "lobby", channels.Text("lost")); !errors.Is(err, errUnreachable) {
			t.Errorf("a broadcast that was not published returned %v", err)
		}
		if err := server.Disconnect(t.Context(), "user:1", ""); !errors.Is(err, errUnreachable) {
			t.Errorf("a disconnect that other processes were not told of returned %v", err)
		}
		revoked.Store(true)
		layer.back()
		stays.Want(channels.EventGap + " ")
		if diff := cmp.Diff("lobby-1", told.String()); diff != "" {
			t.Errorf("Gap (-want +got):\n%s", diff)
		}
		err := revokedOne.Discard(t.Context()) // the gap may be told before the end, or not any more
		if channels.CloseStatus(err) != channels.StatusUnauthorized {
			t.Errorf("the one that was revoked was told %v", err)
		}
		stays.CloseNow()
		if err := server.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
