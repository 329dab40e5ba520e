package channels_test

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/channels"
)

// What was published and has not come is told, with its number, and nothing else is.
func TestGapOfSequence(t *testing.T) {
	runGapTests(t, map[string]func(g *gapTest){
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
	})
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
