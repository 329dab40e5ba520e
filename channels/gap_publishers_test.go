package channels_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/channels"
)

// Publishers are told apart, and one that ends or is quiet is no gap.
func TestGapOfPublishers(t *testing.T) {
	runGapTests(t, map[string]func(g *gapTest){
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
	})
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
