package main

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// A judge knows what was said in which group and who should have heard it. What it
// holds against the servers:
//
//   - A client that is in a group hears what each other says there in the order in
//     which he says it, and nothing twice.
//   - What was taken while a client was in the group he hears; or he is told of a gap,
//     at a moment after it was said.
//
// A message counts when the server that took it said so, and when it left that server:
// one that is killed takes with it what it has just taken. So, of those killed, only what
// somebody on another server has heard counts.
type judge struct {
	groups []*group

	mu         sync.Mutex // guards what follows; taken after group.mu
	violations []string   // the first of them
	broken     int        // how many there are
	tally      tally
}

// A tally is what was counted.
type tally struct {
	said, taken, refused int
	heard                int // messages by clients, all told
	missed               int // of those, lost and announced
	gaps                 int // announcements
	dead                 int // messages that were lost with the server that took them
}

// A group is what was said in it, and who is in it.
type group struct {
	mu      sync.Mutex
	name    string
	streams map[string]*stream
	members map[*membership]bool
}

// A stream is what one connection has said in a group: first 1, then 2, and so on.
type stream struct {
	id   string
	from *process
	said []*said
}

// said is one message.
type said struct {
	at    time.Time // when it was sent to the server
	taken bool      // the server has said that it took it
	left  bool      // it was heard at another server
}

// A membership is a client in a group, from the answer to its join to its leave or the
// end of its connection.
type membership struct {
	name   string
	at     *process
	joined time.Time // zero: not yet
	gap    time.Time // the last one that was announced
	over   bool
	tracks map[*stream]*track
}

// A track is what a membership knows of a stream.
type track struct {
	last   int   // the highest number heard
	judged int   // all up to this number have been judged
	holes  []int // numbers over judged and below last that were not heard
}

func newJudge(groups int) *judge {
	j := &judge{}
	for i := range groups {
		j.groups = append(j.groups, &group{
			name:    fmt.Sprint("group", i),
			streams: map[string]*stream{},
			members: map[*membership]bool{},
		})
	}
	return j
}

// say notes that a message is about to be sent, and returns its number.
func (j *judge) say(g *group, id string, from *process) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.streams[id]
	if s == nil {
		s = &stream{id: id, from: from}
		g.streams[id] = s
	}
	s.said = append(s.said, &said{at: time.Now()})
	j.add(func(t *tally) { t.said++ })
	return len(s.said)
}

// took notes what the server has answered to a message.
func (j *judge) took(g *group, id string, n int, taken bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.streams[id]
	if s == nil || n < 1 || n > len(s.said) {
		j.accuse("%s: an answer to message %d of %s, which was not sent", g.name, n, id)
		return
	}
	s.said[n-1].taken = taken
	j.add(func(t *tally) {
		if taken {
			t.taken++
		} else {
			t.refused++
		}
	})
}

// join begins a membership whose join is about to be sent.
func (j *judge) join(name string, at *process) *membership {
	return &membership{name: name, at: at, tracks: map[*stream]*track{}}
}

// joined notes the answer to the join.
func (j *judge) joined(g *group, m *membership) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !m.over { // it may have changed its mind
		m.joined = time.Now()
		g.members[m] = true
	}
}

// leave ends a membership: a leave is about to be sent, or the connection has ended.
func (j *judge) leave(g *group, m *membership) {
	g.mu.Lock()
	defer g.mu.Unlock()
	m.over = true
	delete(g.members, m)
}

// heard notes that a member has got a message.
func (j *judge) heard(g *group, m *membership, id string, n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.streams[id]
	if s == nil || n < 1 || n > len(s.said) {
		j.accuse("%s in %s: message %d of %s, which was not sent", m.name, g.name, n, id)
		return
	}
	t := m.track(s)
	if n <= t.last {
		j.accuse("%s in %s: message %d of %s after number %d", m.name, g.name, n, id, t.last)
		t.holes = slices.DeleteFunc(t.holes, func(k int) bool { return k == n }) // one accusation will do
		return
	}
	for k := max(t.last, t.judged) + 1; k < n; k++ {
		t.holes = append(t.holes, k)
	}
	t.last = n
	if m.at != s.from {
		s.said[n-1].left = true
	}
	j.add(func(t *tally) { t.heard++ })
}

func (m *membership) track(s *stream) *track {
	t := m.tracks[s]
	if t == nil {
		t = &track{}
		m.tracks[s] = t
	}
	return t
}

// gapped notes that a member was told of a gap.
func (j *judge) gapped(g *group, m *membership) {
	g.mu.Lock()
	defer g.mu.Unlock()
	m.gap = time.Now()
	j.add(func(t *tally) { t.gaps++ })
}

// judge wants all that was said until then to have been heard or announced by now.
func (j *judge) judge(until time.Time) {
	for _, g := range j.groups {
		g.mu.Lock()
		for m := range g.members {
			for _, s := range g.streams {
				j.judgeTrack(g, m, s, until)
			}
		}
		g.countDead(j, until)
		g.mu.Unlock()
	}
}

func (j *judge) judgeTrack(g *group, m *membership, s *stream, until time.Time) {
	if len(s.said) == 0 || s.said[len(s.said)-1].at.Before(m.joined) {
		return
	}
	t := m.track(s)
	for ; t.judged < len(s.said) && !s.said[t.judged].at.After(until); t.judged++ {
		n, said := t.judged+1, s.said[t.judged]
		if n <= t.last && !slices.Contains(t.holes, n) || !said.at.After(m.joined) || !s.counts(said) {
			continue
		}
		if m.gap.Before(said.at) {
			j.accuse("%s in %s at %s: message %d of %s at %s, said at %s, was neither heard nor announced (last heard: %d, last gap: %s)",
				m.name, g.name, m.at.name, n, s.id, s.from.name, clock(said.at), t.last, clock(m.gap))
			continue
		}
		j.add(func(t *tally) { t.missed++ })
	}
	t.holes = slices.DeleteFunc(t.holes, func(n int) bool { return n <= t.judged })
}

// counts reports whether a message must be heard.
func (s *stream) counts(m *said) bool {
	return m.taken && (m.left || s.from.killedAt().IsZero())
}

// countDead counts the messages that were lost with their server, and forgets streams
// of which nothing is to be judged any more.
func (g *group) countDead(j *judge, until time.Time) {
	for id, s := range g.streams {
		if s.from.killedAt().IsZero() || s.said[len(s.said)-1].at.After(until.Add(-forget)) {
			continue
		}
		for _, m := range s.said {
			if m.taken && !m.left {
				j.add(func(t *tally) { t.dead++ })
			}
		}
		delete(g.streams, id)
		for m := range g.members {
			delete(m.tracks, s)
		}
	}
}

// forget is how long after its server was killed a stream is remembered: longer than
// anything of it may be on the way.
const forget = time.Minute

// maxViolations is how many are told in words.
const maxViolations = 50

func (j *judge) add(f func(*tally)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	f(&j.tally)
}

func (j *judge) accuse(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.broken++
	if len(j.violations) < maxViolations {
		j.violations = append(j.violations, clock(time.Now())+" "+fmt.Sprintf(format, args...))
	}
}

func clock(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.Format("15:04:05.000")
}
