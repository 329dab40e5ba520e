package main

import (
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/channels/wstest"
)

// TestMain also is the servers of TestSoak.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		if role, ok := roles[os.Args[1]]; ok {
			os.Exit(role(os.Args[2:]))
		}
	}
	wstest.Main(m)
}

// A court is a judge with a group, a stream from another server, and a member.
type court struct {
	*judge
	g      *group
	from   *process
	member *membership
}

func newCourt() court {
	c := court{judge: newJudge(1), from: &process{name: "there"}}
	c.g = c.groups[0]
	c.member = c.join("member", &process{name: "here"})
	return c
}

// speak has so many messages said and taken, a second apart.
func (c court) speak(n int) {
	for range n {
		c.took(c.g, "speaker", c.say(c.g, "speaker", c.from), true)
		time.Sleep(time.Second)
	}
}

func (c court) hears(numbers ...int) {
	for _, n := range numbers {
		c.heard(c.g, c.member, "speaker", n)
	}
}

// What the judge must see, and what it must let pass.
func TestJudge(t *testing.T) {
	tests := map[string]struct {
		happens func(court)
		says    string // of the violation; none when it is empty
		missed  int
	}{
		"all heard":       {func(c court) { c.speak(3); c.hears(1, 2, 3) }, "", 0},
		"a duplicate":     {func(c court) { c.speak(2); c.hears(1, 2, 2) }, "message 2 of speaker after number 2", 0},
		"a reordering":    {func(c court) { c.speak(3); c.hears(1, 3, 2) }, "message 2 of speaker after number 3", 0},
		"never said":      {func(c court) { c.speak(1); c.hears(1, 2) }, "message 2 of speaker, which was not sent", 0},
		"a hole":          {func(c court) { c.speak(3); c.hears(1, 3) }, "message 2 of speaker at there", 0},
		"the last lost":   {func(c court) { c.speak(3); c.hears(1, 2) }, "message 3 of speaker at there", 0},
		"all lost":        {func(c court) { c.speak(1) }, "message 1 of speaker at there", 0},
		"a hole, a gap":   {func(c court) { c.speak(3); c.hears(1, 3); c.gapped(c.g, c.member) }, "", 1},
		"the last, a gap": {func(c court) { c.speak(3); c.hears(1); c.gapped(c.g, c.member) }, "", 2},
		"the gap was before": {func(c court) {
			c.speak(1)
			c.gapped(c.g, c.member)
			time.Sleep(time.Second)
			c.speak(2)
			c.hears(1, 3)
		}, "message 2 of speaker at there", 0},
		"refused": {func(c court) {
			c.took(c.g, "speaker", c.say(c.g, "speaker", c.from), false)
			time.Sleep(time.Second)
		}, "", 0},
		"not answered":     {func(c court) { c.say(c.g, "speaker", c.from); time.Sleep(time.Second) }, "", 0},
		"said before":      {func(c court) { c.speak(2) }, "", 0},
		"has left":         {func(c court) { c.speak(1); c.leave(c.g, c.member) }, "", 0},
		"the server died":  {func(c court) { c.speak(2); c.hears(1); c.from.killed = time.Now() }, "", 0},
		"it left the dead": {func(c court) { c.speak(2); c.hears(2); c.from.killed = time.Now(); c.second().hears(1) }, "message 1 of speaker", 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCourt()
				if name == "said before" {
					test.happens(c)
				}
				c.joined(c.g, c.member)
				time.Sleep(time.Second)
				if name != "said before" {
					test.happens(c)
				}
				time.Sleep(time.Minute)
				for range 2 { // to be judged twice changes nothing
					c.judge.judge(time.Now())
				}
				got := strings.Join(c.violations, "\n")
				if test.says == "" && got != "" || !strings.Contains(got, test.says) {
					t.Errorf("violations: %q, want %q", got, test.says)
				}
				if c.broken > 1 {
					t.Errorf("%d violations, want one: %s", c.broken, got)
				}
				if c.tally.missed != test.missed {
					t.Errorf("%d missed and announced, want %d", c.tally.missed, test.missed)
				}
			})
		})
	}
}

// second is the court with another member.
func (c court) second() court {
	c.member = c.join("second", &process{name: "elsewhere"})
	c.joined(c.g, c.member)
	return c
}

// A moment of the whole: three servers, and one wave of faults.
func TestSoak(t *testing.T) {
	r, err := soak(t.Context(), options{layer: "nats", duration: time.Second, servers: 3, sockets: 60, groups: 10, rate: 40, seed: rand.Uint64()})
	if err != nil {
		t.Fatal(err)
	}
	t.Log(r)
	if r.broken > 0 {
		t.Error("something that was promised was broken")
	}
	if r.heard == 0 {
		t.Error("nobody heard anything")
	}
}
