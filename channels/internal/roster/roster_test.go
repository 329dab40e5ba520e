package roster_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/channels/internal/roster"
)

const heartbeat = 10 * time.Second

func TestJoinAndLeave(t *testing.T) {
	n := newNetwork(t, 1)
	a, b := n.node(), n.node()
	a.add("alice")
	n.run(time.Millisecond)
	n.wantAgreed("after the first")
	b.add("bob")
	b.add("bob") // another socket
	n.run(heartbeat / 50)
	n.wantAgreed("after three")
	a.Set(a.numbers[0], "alice", []byte(`{"typing":true}`))
	n.run(heartbeat / 50)
	n.wantAgreed("after a change")
	b.Remove(b.numbers[0])
	n.run(heartbeat / 50)
	n.wantAgreed("after a leave")
	if got := members(a.Roster); len(got) != 2 || got["1-1"] != `alice{"typing":true}` {
		t.Errorf("members: %v", got)
	}
}

// Who begins to listen knows all within a tenth of a heartbeat.
func TestNewcomer(t *testing.T) {
	n := newNetwork(t, 2)
	for i := range 20 {
		n.node().add(fmt.Sprint("user", i))
	}
	n.run(2 * heartbeat)
	n.wantAgreed("before")
	for range 5 {
		n.node()
		n.run(heartbeat/roster.AnswerPart + time.Millisecond)
		n.wantAgreed("a newcomer")
	}
}

// Many who ask at once get one answer.
func TestManyAsk(t *testing.T) {
	n := newNetwork(t, 3)
	a := n.node()
	for i := range 300 {
		a.add(fmt.Sprint("user", i))
	}
	n.run(3 * heartbeat)
	before := n.sent
	for range 30 {
		n.node()
	}
	n.run(heartbeat / roster.AnswerPart)
	n.wantAgreed("after all have asked")
	if sent := n.sent - before; sent > 12_000 {
		t.Errorf("%d bytes were sent, want those of one answer", sent)
	}
}

// A lost message is noticed and made good within one and a half heartbeats.
func TestLoss(t *testing.T) {
	n := newNetwork(t, 4)
	nodes := []*node{n.node(), n.node(), n.node()}
	n.run(time.Second)
	for i, node := range nodes {
		node.add(fmt.Sprint("first", i))
		n.loss = 1
		n.run(time.Second)
		n.loss = 0
		n.run(heartbeat * 3 / 2)
		n.wantAgreed("a lost beginning")
	}
	for i, node := range nodes {
		node.add(fmt.Sprint("second", i))
		node.Remove(node.numbers[0])
		n.loss = 1
		n.run(time.Second)
		n.loss = 0
		n.run(heartbeat * 3 / 2)
		n.wantAgreed("a lost delta")
	}
	nodes[0].Remove(nodes[0].numbers[1]) // its last
	n.loss = 1
	n.run(time.Second)
	n.loss = 0
	n.run(heartbeat * 3 / 2)
	n.wantAgreed("a lost leave of the last")
}

// A process that was killed is gone within four heartbeats, and not before three.
func TestKilled(t *testing.T) {
	n := newNetwork(t, 5)
	a, b := n.node(), n.node()
	a.add("alice")
	b.add("bob")
	n.run(5 * heartbeat)
	b.gone = true
	n.run(heartbeat * 2)
	if len(members(a.Roster)) != 2 {
		t.Error("who was silent for two heartbeats was given up")
	}
	n.run(heartbeat * 2)
	n.wantAgreed("after four heartbeats")
}

// A goodbye is heard at once. One that comes late does not hit a successor.
func TestBye(t *testing.T) {
	n := newNetwork(t, 6)
	a, b := n.node(), n.node()
	b.add("bob")
	n.run(time.Second)
	bye := b.Bye()
	successor := roster.New(roster.Config{Node: b.id, Base: 1 << 32, Heartbeat: heartbeat, Random: n.rng.Float64})
	b.Roster, b.told = successor, map[string]string{}
	b.add("bob again")
	n.run(time.Millisecond)
	n.send(b, bye)
	n.run(time.Second)
	n.wantAgreed("a late goodbye")
	b.gone = true
	n.send(b, b.Bye())
	n.run(time.Millisecond)
	n.wantAgreed("a goodbye")
	if a.Len() != 0 {
		t.Errorf("%d are left", a.Len())
	}
	if quiet := n.node(); quiet.Bye() != nil {
		t.Error("one that never had anybody says goodbye")
	}
}

// A process that did not run for a while does not give up all others for it.
func TestStopped(t *testing.T) {
	n := newNetwork(t, 7)
	a, b := n.node(), n.node()
	a.add("alice")
	b.add("bob")
	n.run(2 * heartbeat)
	n.now = n.now.Add(time.Hour) // all of them stood still
	n.run(time.Millisecond)
	n.wantAgreed("after an hour")
	n.run(2 * heartbeat)
	n.wantAgreed("and later")
}

// Processes may have different heartbeats: each is given the time that its own takes.
func TestHeartbeatsDiffer(t *testing.T) {
	n := newNetwork(t, 10)
	a, b := n.node(), n.node()
	b.Heartbeat = 10 * heartbeat
	a.add("alice")
	b.add("bob")
	for range 20 {
		n.run(heartbeat)
		n.wantAgreed("with another heartbeat")
	}
	b.gone = true
	n.run(4 * b.Heartbeat)
	n.wantAgreed("after four of its heartbeats")
}

// The own entries are bounded; a state of all of them is sent in parts.
func TestManyEntries(t *testing.T) {
	n := newNetwork(t, 8)
	a := n.node()
	for range roster.MaxOwn {
		a.Add("a key of some length", []byte(`"and metadata"`))
	}
	if a.Add("one more", nil) != 0 {
		t.Error("there is no bound")
	}
	n.run(time.Second)
	b := n.node()
	n.run(heartbeat / roster.AnswerPart)
	if b.Len() != roster.MaxOwn {
		t.Errorf("the other has %d of %d", b.Len(), roster.MaxOwn)
	}
}

// Without others nothing is sent, and nothing is due but to tell of changes.
func TestAlone(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	r := roster.New(roster.Config{Node: 1, Random: rand.Float64})
	r.Ask(now, false)
	if !r.Next().IsZero() {
		t.Errorf("something is due at %v", r.Next())
	}
	r.Remove(r.Add("comes and goes", nil))
	r.Add("alice", nil)
	joins, leaves, out := r.Flush(now)
	if len(joins) != 1 || len(leaves) != 0 || len(out) != 0 {
		t.Errorf("Flush returned %v, %v, %v", joins, leaves, out)
	}
	if !r.Next().IsZero() {
		t.Errorf("something is due at %v", r.Next())
	}
	r.Add("bob", nil)
	if joins, _, _ := r.Flush(now); len(joins) != 0 {
		t.Error("two changes in a moment are told one by one")
	}
	if joins, _, _ := r.Flush(r.Next()); len(joins) != 1 {
		t.Error("the second change was not told")
	}
}

// Who was listed and is gone before it was told as new is told as gone: or it would
// stay on the list of whoever has taken it for what is true now.
func TestListed(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	r := roster.New(roster.Config{Node: 1, Random: rand.Float64})
	alice := r.Add("alice", nil)
	bob := r.Add("bob", nil)
	if list := r.List(); len(list) != 2 {
		t.Fatalf("%d are listed", len(list))
	}
	r.Remove(bob)
	r.Remove(r.Add("carol", nil))
	joins, leaves, _ := r.Flush(now)
	if len(joins) != 1 || joins[0].Key != "alice" || len(leaves) != 1 || leaves[0].Key != "bob" {
		t.Errorf("told are %v and %v", joins, leaves)
	}
	r.Set(alice, "alice", []byte("1"))
	r.List()
	r.Set(alice, "alice", nil)
	if joins, leaves, _ := r.Flush(now.Add(time.Second)); len(joins) != 1 || len(leaves) != 0 {
		t.Errorf("after a change to and fro, told are %v and %v", joins, leaves)
	}
}

// Whatever happens, once it is over all agree, within the stated time.
func TestRandom(t *testing.T) {
	for seed := range uint64(25) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			n := newNetwork(t, seed)
			n.delay = time.Duration(n.rng.Int64N(int64(heartbeat / 20)))
			for range 2 + n.rng.IntN(4) {
				n.node()
			}
			for range 4 {
				n.disturb(60)
				n.loss, n.cut = 0, nil
				n.run(4 * heartbeat)
				n.wantAgreed("after it all")
			}
		})
	}
}

// disturb does this and that, while messages are lost and parts of the network cannot
// reach each other.
func (n *network) disturb(steps int) {
	for i := range steps {
		alive := n.alive()
		node := alive[n.rng.IntN(len(alive))]
		switch n.rng.IntN(20) {
		case 0, 1, 2, 3, 4, 5, 6:
			node.add(fmt.Sprint("user", i))
		case 7:
			node.add(fmt.Sprint("user", i))
			node.told = members(node.Roster) // and changed by what is told from now on
		case 8, 9, 10, 11, 12:
			if len(node.numbers) > 0 {
				i := n.rng.IntN(len(node.numbers))
				node.Remove(node.numbers[i])
				node.numbers = slices.Delete(node.numbers, i, i+1)
			}
		case 13:
			if len(node.numbers) > 0 {
				node.Set(node.numbers[0], "user", []byte(fmt.Sprint(i)))
			}
		case 14:
			n.loss = n.rng.Float64()
		case 15:
			group := make(map[uint64]bool)
			for _, node := range n.nodes {
				group[node.id] = n.rng.IntN(2) == 0
			}
			n.cut = func(from, to uint64) bool { return group[from] != group[to] }
		case 16:
			n.loss, n.cut = 0, nil
		case 17:
			if len(alive) > 2 {
				node.gone = true // killed
				if n.rng.IntN(2) == 0 {
					n.send(node, node.Bye())
				}
			}
		case 18:
			if len(n.nodes) < 12 {
				n.node()
			}
		case 19:
			node.Ask(n.now, true) // its layer has told it of a gap
		}
		n.run(time.Duration(n.rng.Int64N(int64(heartbeat / 2))))
	}
}

// Some garbage between the messages changes nothing.
func TestGarbage(t *testing.T) {
	n := newNetwork(t, 9)
	a, b := n.node(), n.node()
	a.add("alice")
	b.add("bob")
	n.run(time.Second)
	good := [][]byte{b.Bye()}
	n.now = n.now.Add(heartbeat)
	b.Ask(n.now, false)
	_, _, out := b.Flush(n.now)
	good = append(good, out...)
	for _, msg := range good {
		for i := range msg {
			a.Receive(n.now, msg[:i])
		}
		a.Receive(n.now, append([]byte{2}, msg[1:]...)) // a later format
	}
	if diff := cmp.Diff([]string{"1-1", "2-1"}, slices.Sorted(maps.Keys(members(a.Roster)))); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
}

// What others send is bounded, whatever it is.
func FuzzReceive(f *testing.F) {
	n := rand.New(rand.NewPCG(1, 1))
	now := time.Unix(1_000_000, 0)
	other := roster.New(roster.Config{Node: 2, Heartbeat: heartbeat, Random: n.Float64})
	var seeds [][]byte
	flush := func() {
		_, _, out := other.Flush(now)
		seeds = append(seeds, out...)
		now = now.Add(2 * heartbeat)
	}
	id := other.Add("bob", []byte(`{"room":"tea"}`))
	flush()
	other.Add("carol", nil)
	flush()
	other.Remove(id)
	other.Ask(now, false)
	flush()
	seeds = append(seeds, other.Bye())
	for _, b := range seeds {
		f.Add(b, b)
	}
	f.Add(seeds[0], seeds[1])
	f.Fuzz(func(t *testing.T, first, second []byte) {
		now := time.Unix(1_000_000, 0)
		r := roster.New(roster.Config{Node: 1, Heartbeat: heartbeat, Random: func() float64 { return 0.5 }})
		r.Add("alice", nil)
		r.Flush(now)
		told := make(map[string]bool)
		for _, b := range [][]byte{first, second, first} {
			r.Receive(now, b)
			now = now.Add(time.Second)
			joins, leaves, _ := r.Flush(now)
			for _, e := range joins {
				told[e.ID] = true
			}
			for _, e := range leaves {
				delete(told, e.ID)
			}
		}
		count := 0
		for _, e := range r.List() {
			count++
			if len(e.Key) > roster.MaxKey || len(e.Meta) > roster.MaxMeta {
				t.Errorf("an entry with a key of %d bytes and metadata of %d", len(e.Key), len(e.Meta))
			}
			if !told[e.ID] && e.Key != "alice" {
				t.Errorf("%s was not told of", e.ID)
			}
		}
		if count != r.Len() {
			t.Errorf("Len is %d with %d entries", r.Len(), count)
		}
		for end := now.Add(time.Hour); now.Before(end); now = r.Next() {
			r.Flush(now)
		}
		if r.Len() != 1 {
			t.Errorf("%d entries outlive their process", r.Len()-1)
		}
	})
}
