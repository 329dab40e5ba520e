// Package roster knows who is in a group, on every process: as a state machine that
// is told what happened and what time it is, and says what to send and to whom it
// is news.
//
// There is no central table. Each process owns the entries of its own sockets and
// tells the others, on the group's topic, what changes (a delta, numbered), at
// intervals that it is there and how far it has counted (a beat), and all it has
// when asked (a state). A delta that was lost shows in the next one, or in the next
// beat, and its process is asked for its state. A process that is not heard of for
// a while is gone, and its entries with it.
package roster

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"time"
)

// Config is what a Roster begins with.
type Config struct {
	// Node names the process: a random number, not 0, that no other has.
	Node uint64

	// Base is a number above every version that this process has used for the
	// group before: a new roster supersedes an old one.
	Base uint64

	// Heartbeat is the interval of the beats; all other times are parts or
	// multiples of it. 0 means that there is no other process: nothing is sent.
	Heartbeat time.Duration

	// Random returns a number in [0, 1).
	Random func() float64
}

// The times, in terms of a heartbeat.
const (
	jitterPart = 100 // an answer or a question waits up to this long
	pausePart  = 20  // between two answers, and two questions to one process

	// AnswerPart: who has asked all has their answers after this part of a heartbeat,
	// and the time that the messages travel.
	AnswerPart = 10
)

// gather is how often changes are told, unless a beat or an answer is due.
const gather = 100 * time.Millisecond

// expiry is how long a process whose beats come at an interval may be silent: three
// beats, late by their jitter of a tenth.
func expiry(heartbeat time.Duration) time.Duration { return heartbeat * 7 / 2 }

// What is taken from others is bounded.
const (
	MaxKey    = 256     // bytes
	MaxMeta   = 1 << 10 // bytes
	MaxOwn    = 1 << 16 // entries of one process
	maxPeers  = 1 << 12 // processes
	maxOthers = 1 << 20 // entries of all of them
)

// An Entry is one member, and is not changed.
type Entry struct {
	ID   string // unique among all processes
	Key  string
	Meta []byte // JSON, or nil
}

func (e *Entry) equal(o *Entry) bool { return e.Key == o.Key && string(e.Meta) == string(o.Meta) }

// A Roster is one process's knowledge of one group. It is for one goroutine at a
// time.
type Roster struct {
	Config

	own      map[uint64]*Entry
	last     uint64              // the number of the newest own entry
	version  uint64              // of what was told of own
	begun    bool                // something was told
	changed  map[uint64]struct{} // own entries that are to be told of
	peers    map[uint64]*peer
	others   int              // entries of all peers
	before   map[place]change // what stood where something has changed since the last diff
	changes  uint64
	told     time.Time // when changes were last told
	beatAt   time.Time // zero: never, as for the other times
	askAt    time.Time
	answerAt time.Time
	answered time.Time
}

// A place is where an entry stands: process and number.
type place struct{ node, number uint64 }

// A change is what has happened to a place.
type change struct {
	was    *Entry // at first; nil: nothing
	latest *Entry // that was there since
	listed bool   // somebody may have seen what was there since
}

// A peer is another process.
type peer struct {
	node      uint64
	heartbeat time.Duration // its own
	heard     time.Time
	version   uint64 // of entries
	known     bool   // entries are what it had at version
	entries   map[uint64]*Entry
	partial   *partial // of its state
	askAt     time.Time
	asked     time.Time
}

// New returns a roster that knows nobody.
func New(c Config) *Roster {
	return &Roster{
		Config:  c,
		version: c.Base,
		own:     make(map[uint64]*Entry),
		changed: make(map[uint64]struct{}),
		peers:   make(map[uint64]*peer),
		before:  make(map[place]change),
	}
}

func entryID(node, number uint64) string {
	return strconv.FormatUint(node, 36) + "-" + strconv.FormatUint(number, 36)
}

// Add adds an own entry and returns its number, which is not 0, or 0 when there are
// too many.
func (r *Roster) Add(key string, meta []byte) uint64 {
	if len(r.own) >= MaxOwn {
		return 0
	}
	r.last++
	r.setOwn(r.last, &Entry{entryID(r.Node, r.last), key, meta})
	return r.last
}

// Set gives an own entry another key and other metadata.
func (r *Roster) Set(number uint64, key string, meta []byte) {
	e := &Entry{entryID(r.Node, number), key, meta}
	if !e.equal(r.own[number]) {
		r.setOwn(number, e)
	}
}

func (r *Roster) setOwn(number uint64, e *Entry) {
	r.touch(place{r.Node, number}, r.own[number])
	r.own[number] = e
	r.changed[number] = struct{}{}
}

// Remove removes an own entry.
func (r *Roster) Remove(number uint64) {
	r.touch(place{r.Node, number}, r.own[number])
	delete(r.own, number)
	r.changed[number] = struct{}{}
}

// touch remembers what stands at a place, e, before it changes.
func (r *Roster) touch(p place, e *Entry) {
	r.changes++
	c, ok := r.before[p]
	if !ok {
		c.was = e
	}
	if e != nil {
		c.latest = e
	}
	r.before[p] = c
}

func (r *Roster) at(p place) *Entry {
	if p.node == r.Node {
		return r.own[p.number]
	}
	if peer := r.peers[p.node]; peer != nil {
		return peer.entries[p.number]
	}
	return nil
}

// List returns the entries, in order. What it has shown and is gone before it was
// told is told as gone.
func (r *Roster) List() []*Entry {
	list := slices.AppendSeq(make([]*Entry, 0, r.Len()), maps.Values(r.own))
	for _, p := range r.peers {
		list = slices.AppendSeq(list, maps.Values(p.entries))
	}
	slices.SortFunc(list, compare)
	for p, c := range r.before {
		c.listed = true
		r.before[p] = c
	}
	return list
}

// Changes returns a number that grows with every change of an entry.
func (r *Roster) Changes() uint64 { return r.changes }

// Len returns the number of entries.
func (r *Roster) Len() int { return len(r.own) + r.others }

// compare orders entries by key and then ID.
func compare(a, b *Entry) int {
	return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.ID, b.ID))
}

// diff returns what has changed since it was last called: who is new or has changed,
// and who is gone.
func (r *Roster) diff() (joins, leaves []*Entry) {
	for p, c := range r.before {
		switch is := r.at(p); {
		case is == nil && (c.was != nil || c.listed):
			leaves = append(leaves, c.latest)
		case is != nil && (c.was == nil || !is.equal(c.was) || c.listed):
			joins = append(joins, is)
		}
	}
	clear(r.before)
	slices.SortFunc(joins, compare)
	slices.SortFunc(leaves, compare)
	return joins, leaves
}

// Ask has the others asked for their states: at the beginning, and when messages may
// have been lost. Then it waits a moment: other groups have lost theirs, too.
func (r *Roster) Ask(now time.Time, lost bool) {
	if r.Heartbeat == 0 || !r.askAt.IsZero() {
		return
	}
	if r.askAt = now; lost {
		r.askAt = now.Add(time.Duration(float64(r.Heartbeat/pausePart) * r.Random()))
	}
}

// Next returns when Flush is to be called next; the zero time means when something
// has happened.
func (r *Roster) Next() time.Time {
	var next time.Time
	earliest := func(t time.Time) {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	if len(r.before) > 0 || len(r.changed) > 0 {
		earliest(r.told.Add(gather))
	}
	earliest(r.beatAt)
	earliest(r.askAt)
	earliest(r.answerAt)
	for _, p := range r.peers {
		earliest(p.askAt)
		earliest(p.heard.Add(expiry(p.heartbeat)))
	}
	return next
}

func due(at, now time.Time) bool { return !at.IsZero() && !now.Before(at) }

// Flush returns what is due: who is new or has changed, who is gone, and what is to
// be sent to the topic, in this order.
func (r *Roster) Flush(now time.Time) (joins, leaves []*Entry, out [][]byte) {
	r.expire(now)
	beat, answer := due(r.beatAt, now), due(r.answerAt, now)
	if beat || answer || !now.Before(r.told.Add(gather)) {
		if len(r.before) > 0 || len(r.changed) > 0 {
			r.told = now
		}
		joins, leaves = r.diff()
		out = r.tell(now)
	}
	if due(r.askAt, now) {
		r.askAt = time.Time{}
		out = append(out, r.ask(0))
	}
	for _, node := range slices.Sorted(maps.Keys(r.peers)) {
		if p := r.peers[node]; due(p.askAt, now) {
			p.askAt, p.asked = time.Time{}, now
			out = append(out, r.ask(node))
		}
	}
	if answer {
		r.answerAt, r.answered = time.Time{}, now
		out = r.appendState(out)
	}
	if beat {
		r.beatLater(now)
		out = append(out, r.beat())
	}
	return joins, leaves, out
}

// tell returns the messages that tell what of the own entries has changed.
func (r *Roster) tell(now time.Time) (out [][]byte) {
	switch {
	case r.Heartbeat == 0 || len(r.changed) == 0:
	case r.begun:
		out = r.appendDeltas(nil)
	case len(r.own) > 0:
		r.begun = true
		r.version++
		r.beatLater(now)
		out = r.appendState(nil)
	}
	clear(r.changed)
	return out
}

func (r *Roster) beatLater(now time.Time) {
	r.beatAt = now.Add(time.Duration(float64(r.Heartbeat) * (0.9 + 0.2*r.Random())))
}

// jitter is a moment to wait, so that not all do the same at the same time.
func (r *Roster) jitter() time.Duration {
	return time.Duration(float64(r.Heartbeat/jitterPart) * r.Random())
}

// expire drops the processes that have not been heard of for too long. When it is
// called much too late this process did not run, and could hear nobody: then it
// waits for one more beat.
func (r *Roster) expire(now time.Time) {
	for _, p := range r.peers {
		switch late := now.Sub(p.heard.Add(expiry(p.heartbeat))); {
		case late > r.Heartbeat:
			p.heard = now.Add(p.heartbeat*5/4 - expiry(p.heartbeat))
		case late >= 0:
			r.drop(p)
		}
	}
}

// drop removes a process and what it had.
func (r *Roster) drop(p *peer) {
	r.replace(p, nil)
	delete(r.peers, p.node)
}

// replace gives p other entries.
func (r *Roster) replace(p *peer, entries map[uint64]*Entry) {
	for number, old := range p.entries {
		if e := entries[number]; e == nil {
			r.touch(place{p.node, number}, old)
		} else if e.equal(old) {
			entries[number] = old
		} else {
			r.touch(place{p.node, number}, old)
		}
	}
	for number := range entries {
		if p.entries[number] == nil {
			r.touch(place{p.node, number}, nil)
		}
	}
	r.others += len(entries) - len(p.entries)
	p.entries = entries
}
