package channels

import (
	"context"
	"slices"
	"sync"
	"time"
)

// A listener is a Server's subscription to one topic. It hands on what arrives, and
// tells when something has not: a number that is skipped, or announced, and does not
// come within reorderTime, as calls of Publish may overtake each other. What comes
// twice, or after it was told to be missing, is dropped.
//
// A sequence that began before the subscription is taken up where it is: that a
// listener joins late is no gap, unless the publisher was cut off since, and what it
// published in between may have been lost. One that began after it must be there from
// its first message.
type listener struct {
	take   func(kind byte, body []byte)
	missed func(n int) // -1: how many is not known

	mu      sync.Mutex // guards what follows; not held in take and missed
	since   time.Time  // of the subscription, or from when on all sources are known
	sources []source
	swept   time.Time
	timer   *time.Timer // runs expire while something is missing
	armed   bool
	over    bool
	lost    uint64 // given up, and not yet told

	telling sync.WaitGroup // calls of missed by expire
}

// A source is a sequence that has been heard of.
type source struct {
	id    uint64
	high  uint64    // the largest number that was seen or announced
	first uint64    // the one that was seen first; 0 when those before it are accounted for
	since time.Time // when that was
	holes []hole
	heard bool // since sources were swept
}

// A hole is the numbers from to to, which have not come yet.
type hole struct {
	from, to uint64
	since    time.Time
}

const (
	reorderTime = time.Second     // what is missing may still come
	startSlack  = time.Second     // by which the beginnings of a sequence and of a subscription must be apart to be compared
	settleTime  = 5 * time.Second // in which a publisher has noticed that it was cut off before it announced something
	sourceTime  = 3 * time.Minute // more than a publisher remembers a quiet topic
	maxSources  = 256
	maxHoles    = 64
)

// listen subscribes to a topic. Take and missed are as in [Layer]: they must not
// block. They may be called at the same time.
func (srv *Server) listen(ctx context.Context, topic string, take func(kind byte, body []byte), missed func(n int)) (cancel func() error, err error) {
	l := &listener{take: take, missed: missed, since: time.Now()}
	end, err := srv.Layer.Subscribe(ctx, topic, l.deliver, func() {
		srv.state.numbering.cutOff()
		missed(-1)
	})
	if err != nil {
		return nil, err
	}
	return func() error {
		err := end()
		l.close()
		return err
	}, nil
}

func (l *listener) deliver(b []byte) {
	e, ok := parseEnvelope(b)
	switch {
	case !ok:
	case e.kind == kindAnnouncement:
		l.announced(&e)
	case l.fresh(e.id, e.number):
		l.take(e.kind, e.body)
	}
}

// fresh notes a message and reports whether it is to be handed on.
func (l *listener) fresh(id, number uint64) bool {
	l.mu.Lock()
	s := l.find(id)
	if s != nil && number == s.high+1 {
		s.high, s.heard = number, true
		l.mu.Unlock()
		return true
	}
	defer l.mu.Unlock()
	switch {
	case s == nil:
		l.add(source{id: id, high: number, first: number, since: time.Now(), heard: true})
		return true
	case number > s.high:
		l.open(s, number-1)
		s.high = number
		return true
	}
	return l.fill(s, number)
}

// announced compares what has come with what its publisher says to have published.
func (l *listener) announced(e *envelope) {
	ago, ok := e.parseTimes()
	if !ok {
		return
	}
	now := time.Now()
	l.mu.Lock()
	s := l.find(e.id)
	n := l.missedBefore(s, e.number, now, ago)
	if s == nil {
		l.add(source{id: e.id, high: e.number, heard: true})
	} else {
		s.heard = true
		if n != 0 || now.Sub(s.since) >= settleTime {
			s.first = 0
		}
		if e.number > s.high {
			l.open(s, e.number)
			s.high = e.number
		}
	}
	l.mu.Unlock()
	if n != 0 {
		l.missed(n)
	}
}

// missedBefore returns how many messages are missing before the first that was seen of s,
// or of all up to last when s is nil; -1 when some may be.
func (l *listener) missedBefore(s *source, last uint64, now time.Time, ago announcementTimes) int {
	if s != nil && s.first <= 1 {
		return 0
	}
	// The way here makes the times of the sequence seem later than they are.
	since := l.since.Add(startSlack)
	begunSince, usedSince := now.Add(-ago.first).After(since), now.Add(-ago.last).After(since)
	switch {
	case s == nil && begunSince:
		return count(last)
	case s == nil && usedSince:
		return -1
	case begunSince:
		return count(s.first - 1)
	}
	cutSince := ago.cut < ago.first && now.Add(-ago.cut).After(l.since) && now.Add(-ago.last).After(l.since.Add(-startSlack))
	if cutSince {
		return -1
	}
	return 0
}

func (l *listener) find(id uint64) *source {
	for i := range l.sources {
		if l.sources[i].id == id {
			return &l.sources[i]
		}
	}
	return nil
}

// add makes room for s: those that have not been heard of for long are forgotten, as
// they have ended, and one more when there are too many. What began before may have
// been one of them.
func (l *listener) add(s source) {
	if now := time.Now(); now.Sub(l.swept) > sourceTime {
		before := len(l.sources)
		l.sources = slices.DeleteFunc(l.sources, func(s source) bool { return !s.heard && s.holes == nil })
		if len(l.sources) < before && l.swept.After(l.since) {
			l.since = l.swept
		}
		l.swept = now
		for i := range l.sources {
			l.sources[i].heard = false
		}
	}
	if len(l.sources) >= maxSources {
		i := max(0, slices.IndexFunc(l.sources, func(s source) bool { return !s.heard }))
		for _, h := range l.sources[i].holes {
			l.lost += h.size()
			l.arm()
		}
		l.sources = slices.Delete(l.sources, i, i+1)
		l.since = time.Now()
	}
	l.sources = append(l.sources, s)
}

// open notes that what comes after s.high, up to number to, is missing.
func (l *listener) open(s *source, to uint64) {
	s.holes = append(s.holes, hole{s.high + 1, to, time.Now()})
	l.trim(s)
	l.arm()
}

// arm has expire called.
func (l *listener) arm() {
	if l.armed || l.over {
		return
	}
	l.armed = true
	if l.timer == nil {
		l.timer = time.AfterFunc(reorderTime, l.expire)
	} else {
		l.timer.Reset(reorderTime)
	}
}

// trim gives up the oldest hole when there are too many.
func (l *listener) trim(s *source) {
	if len(s.holes) > maxHoles {
		l.lost += s.holes[0].size()
		s.holes = slices.Delete(s.holes, 0, 1)
	}
}

func (h *hole) size() uint64 { return h.to - h.from + 1 }

// fill takes number out of the holes and reports whether it was in one.
func (l *listener) fill(s *source, number uint64) bool {
	i := slices.IndexFunc(s.holes, func(h hole) bool { return h.from <= number && number <= h.to })
	if i < 0 {
		return false
	}
	h := s.holes[i]
	var rest []hole
	if h.from < number {
		rest = append(rest, hole{h.from, number - 1, h.since})
	}
	if number < h.to {
		rest = append(rest, hole{number + 1, h.to, h.since})
	}
	if s.holes = slices.Replace(s.holes, i, i+1, rest...); len(s.holes) == 0 {
		s.holes = nil
	}
	l.trim(s)
	return true
}

// expire tells what has been missing for reorderTime.
func (l *listener) expire() {
	now := time.Now()
	l.mu.Lock()
	l.armed = false
	var next time.Time
	for i := range l.sources {
		s := &l.sources[i]
		for len(s.holes) > 0 && now.Sub(s.holes[0].since) >= reorderTime {
			l.lost += s.holes[0].size()
			s.holes = s.holes[1:]
		}
		if len(s.holes) == 0 {
			s.holes = nil
		} else if first := s.holes[0].since; next.IsZero() || first.Before(next) {
			next = first
		}
	}
	if l.over {
		l.mu.Unlock()
		return
	}
	if !next.IsZero() {
		l.armed = true
		l.timer.Reset(next.Add(reorderTime).Sub(now))
	}
	n := l.lost
	l.lost = 0
	l.telling.Add(1)
	l.mu.Unlock()
	defer l.telling.Done()
	if n > 0 {
		l.missed(count(n))
	}
}

// count is n, or -1 when nobody counts that far.
func count(n uint64) int {
	if n > 1<<30 {
		return -1
	}
	return int(n)
}

// close lets nothing more be told, and waits until nothing is.
func (l *listener) close() {
	l.mu.Lock()
	l.over = true
	if l.timer != nil {
		l.timer.Stop()
	}
	l.mu.Unlock()
	l.telling.Wait()
}
