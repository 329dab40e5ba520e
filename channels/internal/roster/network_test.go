package roster_test

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/channels/internal/roster"
)

// A network joins rosters, in a time of its own: what one sends all get after a
// while, or not at all.
type network struct {
	t     *testing.T
	rng   *rand.Rand
	now   time.Time
	nodes []*node
	mail  []letter
	sent  int // bytes

	loss  float64                    // of messages, for each receiver
	delay time.Duration              // at most; the messages of one sender stay in order
	cut   func(from, to uint64) bool // no message passes
}

type letter struct {
	at time.Time
	to *node
	b  []byte
}

// A node is a roster with what somebody knows who was told its diffs.
type node struct {
	*roster.Roster
	id      uint64
	numbers []uint64
	told    map[string]string
	gone    bool
	arrives map[*node]time.Time // of the last message to another
}

func newNetwork(t *testing.T, seed uint64) *network {
	return &network{t: t, rng: rand.New(rand.NewPCG(seed, 1)), now: time.Unix(1_000_000, 0)}
}

func (n *network) node() *node {
	id := uint64(len(n.nodes) + 1)
	added := &node{id: id, told: map[string]string{}, arrives: map[*node]time.Time{}}
	added.Roster = roster.New(roster.Config{Node: id, Heartbeat: heartbeat, Random: n.rng.Float64})
	added.Ask(n.now, false)
	n.nodes = append(n.nodes, added)
	return added
}

func (n *network) alive() []*node {
	return slices.DeleteFunc(slices.Clone(n.nodes), func(n *node) bool { return n.gone })
}

func (n *node) add(key string) { n.numbers = append(n.numbers, n.Add(key, nil)) }

// flush takes what is due at one node.
func (n *network) flush(from *node) {
	joins, leaves, out := from.Flush(n.now)
	for _, e := range joins {
		from.told[e.ID] = e.Key + string(e.Meta)
	}
	for _, e := range leaves {
		delete(from.told, e.ID)
	}
	for _, b := range out {
		n.send(from, b)
	}
}

func (n *network) send(from *node, b []byte) {
	if len(b) > 1<<20 {
		n.t.Errorf("a message of %d bytes", len(b))
	}
	n.sent += len(b)
	for _, to := range n.nodes { // to itself, too
		if to.gone || n.rng.Float64() < n.loss || n.cut != nil && n.cut(from.id, to.id) {
			continue
		}
		at := n.now
		if n.delay > 0 {
			at = at.Add(time.Duration(n.rng.Int64N(int64(n.delay))))
		}
		if last := from.arrives[to]; at.Before(last) {
			at = last
		}
		from.arrives[to] = at
		n.mail = append(n.mail, letter{at, to, b})
	}
}

// run lets time pass.
func (n *network) run(d time.Duration) {
	for end := n.now.Add(d); ; {
		next := end
		for _, node := range n.alive() {
			if at := node.Next(); !at.IsZero() && at.Before(next) {
				next = at
			}
		}
		slices.SortStableFunc(n.mail, func(a, b letter) int { return a.at.Compare(b.at) })
		if len(n.mail) > 0 && n.mail[0].at.Before(next) {
			next = n.mail[0].at
		}
		if !next.Before(end) {
			n.now = end
			return
		}
		if next.After(n.now) {
			n.now = next
		}
		for len(n.mail) > 0 && !n.mail[0].at.After(n.now) {
			l := n.mail[0]
			n.mail = n.mail[1:]
			if !l.to.gone {
				l.to.Receive(n.now, l.b)
			}
		}
		for _, node := range n.alive() {
			if at := node.Next(); !at.IsZero() && !at.After(n.now) {
				n.flush(node)
			}
		}
	}
}

func members(r *roster.Roster) map[string]string {
	all := make(map[string]string)
	for _, e := range r.List() {
		all[e.ID] = e.Key + string(e.Meta)
	}
	return all
}

// wantAgreed wants every node to know all that the living have, and to have been
// told so.
func (n *network) wantAgreed(when string) {
	n.t.Helper()
	want := make(map[string]string)
	for _, node := range n.alive() {
		for id, e := range members(node.Roster) {
			if number := strings.TrimPrefix(id, strconv.FormatUint(node.id, 36)+"-"); number != id {
				want[id] = e
			}
		}
	}
	for _, node := range n.alive() {
		if diff := cmp.Diff(want, members(node.Roster)); diff != "" {
			n.t.Errorf("%s: node %d (-want +got):\n%s", when, node.id, diff)
		}
		if diff := cmp.Diff(want, node.told); diff != "" {
			n.t.Errorf("%s: what node %d was told (-want +got):\n%s", when, node.id, diff)
		}
		if node.Len() != len(want) {
			n.t.Errorf("%s: node %d has the length %d, want %d", when, node.id, node.Len(), len(want))
		}
	}
}
