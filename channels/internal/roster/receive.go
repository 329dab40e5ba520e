package roster

import "time"

// Receive takes a message of the topic. What is not understood is ignored.
func (r *Roster) Receive(now time.Time, b []byte) {
	m, ok := parse(b)
	if !ok || m.node == r.Node {
		return
	}
	switch m.kind {
	case kindAsk:
		if m.target == 0 || m.target == r.Node {
			r.answer(now)
		}
		return
	case kindBye:
		if p := r.peers[m.node]; p != nil && p.version <= m.version {
			r.drop(p)
		}
		return
	}
	p := r.peers[m.node]
	if p == nil {
		if len(r.peers) >= maxPeers {
			return
		}
		p = &peer{node: m.node}
		r.peers[m.node] = p
	}
	p.heard, p.heartbeat = now, m.heartbeat
	if m.version < p.version {
		return
	}
	switch m.kind {
	case kindBeat:
		r.receiveBeat(now, p, m)
	case kindDelta:
		r.receiveDelta(now, p, m)
	case kindState:
		r.receiveState(now, p, m)
	}
}

// answer has the own state sent, once for all who ask within a while.
func (r *Roster) answer(now time.Time) {
	if !r.begun || !r.answerAt.IsZero() {
		return
	}
	r.answerAt = later(now.Add(r.jitter()), r.answered.Add(r.Heartbeat/pausePart))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// doubt has p asked for its state: what is known of it is not what it has.
func (r *Roster) doubt(now time.Time, p *peer) {
	p.known = false
	if p.askAt.IsZero() {
		p.askAt = later(now.Add(r.jitter()), p.asked.Add(r.Heartbeat/pausePart))
	}
}

func (r *Roster) receiveBeat(now time.Time, p *peer, m message) {
	switch {
	case m.count == 0:
		r.replace(p, nil)
		p.become(m.version)
	case !p.known || m.version != p.version || m.count != len(p.entries):
		r.doubt(now, p)
	}
}

func (p *peer) become(version uint64) {
	p.version, p.known, p.partial, p.askAt = version, true, nil, time.Time{}
}

func (r *Roster) receiveDelta(now time.Time, p *peer, m message) {
	if p.known && m.version == p.version {
		return
	}
	changes, ok := m.entries()
	if !ok || !p.known || m.version != p.version+1 {
		r.doubt(now, p)
		return
	}
	for _, c := range changes {
		old := p.entries[c.number]
		switch {
		case c.entry == nil && old != nil:
			r.touch(place{p.node, c.number}, old)
			delete(p.entries, c.number)
			r.others--
		case c.entry != nil && old != nil:
			r.touch(place{p.node, c.number}, old)
			p.entries[c.number] = c.entry
		case c.entry != nil && r.room(len(p.entries)+1, 1):
			r.touch(place{p.node, c.number}, nil)
			if p.entries == nil {
				p.entries = make(map[uint64]*Entry)
			}
			p.entries[c.number] = c.entry
			r.others++
		}
	}
	p.version = m.version
}

// room reports whether a peer may have n entries, which are more than now by some.
func (r *Roster) room(n, more int) bool { return n <= MaxOwn && r.others+more <= maxOthers }

// A partial is a state of which parts are still to come.
type partial struct {
	version, parts, next uint64
	entries              map[uint64]*Entry
}

func (r *Roster) receiveState(now time.Time, p *peer, m message) {
	if p.known && m.version == p.version {
		return // it was for somebody else
	}
	if m.part == 0 {
		p.partial = &partial{version: m.version, parts: m.parts, entries: make(map[uint64]*Entry)}
	}
	got := p.partial
	if got == nil || got.version != m.version || got.parts != m.parts || got.next != m.part {
		p.partial = nil
		r.doubt(now, p)
		return
	}
	changes, ok := m.entries()
	for _, c := range changes {
		if c.entry != nil {
			got.entries[c.number] = c.entry
		}
	}
	if !ok || !r.room(len(got.entries), len(got.entries)-len(p.entries)) {
		p.partial = nil // the next beat shows that something is amiss
		return
	}
	if got.next++; got.next == got.parts {
		r.replace(p, got.entries)
		p.become(m.version)
	}
}
