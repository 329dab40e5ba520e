package channels_test

import (
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

// What a cut has taken is told, if only that it may have taken something.
func TestGapOfCut(t *testing.T) {
	runGapTests(t, map[string]func(g *gapTest){
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
		// The publisher announces what it has published before it notices the cut.
		"a cut after joining late, with an announcement behind it": func(g *gapTest) {
			before := len(g.layer.subscribed())
			p := g.server()
			// So that no message is under way when it is announced.
			const pause = 700 * time.Millisecond
			for range 40 { // 28 s, and never quiet: it is announced every 30 s
				g.publish(p, "a")
				time.Sleep(pause)
			}
			gaps := g.layer.subscribed()[before:]
			g.join()
			g.layer.set(everything(lose))
			g.publish(p, "b")
			var announced atomic.Bool
			g.layer.set(func(topic string, msg []byte) verdict {
				if topic == "group:lobby" && msg[1] == 'a' {
					announced.Store(true)
				}
				return deliver
			})
			for !announced.Load() {
				g.publish(p, "c")
				time.Sleep(pause)
			}
			for _, gap := range gaps {
				gap()
			}
			g.want(15*time.Second, "channels.gap lobby -1")
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
