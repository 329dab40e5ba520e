package channels

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// A numbering numbers what a server publishes, in a sequence for each topic, so that
// a [listener] sees when something is missing. Of the last messages it would not,
// were they not announced: twice, when a topic has become quiet, and again after the
// layer has been cut off, as they may have been lost then. A topic that has been quiet
// for longer is forgotten, and begins a new sequence when it is used again.
type numbering struct {
	announcing chan struct{} // one slot, held while announcing

	mu     sync.Mutex // guards what follows
	topics map[string]*sequence
	timer  *time.Timer // runs announce while there are topics
	armed  bool
	again  bool      // the layer has been cut off: announce all
	cut    time.Time // when that was last noticed
	closed bool
}

// A sequence is what has been published to one topic.
type sequence struct {
	id          uint64
	last        uint64
	first, at   time.Time // of the first and the last message
	pending     int       // calls of Publish that have not returned
	due         int       // announcements that are left
	announcedAt time.Time
}

const (
	announceInterval = 3 * time.Second  // how often topics are looked at
	announceQuiet    = 2 * time.Second  // after the last message, the first announcement
	announceAgain    = 10 * time.Second // after the first, the second
	announceAnyway   = 30 * time.Second // between those of a topic that is not quiet
	announcements    = 2
	sequenceTime     = time.Minute // how long a quiet topic is remembered
	maxSequences     = 1 << 16
)

// publish numbers the envelope b and publishes it.
func (srv *Server) publish(ctx context.Context, topic string, b []byte) error {
	if len(b) > maxLayerMessage {
		return fmt.Errorf("channels: a message of %d bytes is over what a layer carries", len(b)-envelopeHeader)
	}
	n := &srv.init().numbering
	q := n.next(srv, topic, b)
	err := srv.Layer.Publish(ctx, topic, b)
	n.mu.Lock()
	q.pending--
	n.mu.Unlock()
	if err != nil {
		return fmt.Errorf("channels: publish to the layer: %w", err)
	}
	return nil
}

// next gives b its number. A number whose message is not published is missing for
// the receivers, and so was the message.
func (n *numbering) next(srv *Server, topic string, b []byte) *sequence {
	now := time.Now()
	n.mu.Lock()
	defer n.mu.Unlock()
	q := n.topics[topic]
	if q == nil {
		q = &sequence{id: rand.Uint64(), first: now, announcedAt: now}
		n.add(topic, q)
	}
	q.last++
	q.at = now
	q.pending++
	q.due = announcements
	setNumber(b, q.id, q.last)
	n.arm(srv, announceInterval)
	return q
}

// add makes room for q.
func (n *numbering) add(topic string, q *sequence) {
	if len(n.topics) >= maxSequences {
		for victim := range n.topics { // any: it loses its announcements
			delete(n.topics, victim)
			break
		}
	}
	if n.topics == nil {
		n.topics = make(map[string]*sequence)
	}
	n.topics[topic] = q
}

// arm has announce called. The lock is held.
func (n *numbering) arm(srv *Server, after time.Duration) {
	if n.armed || n.closed {
		return
	}
	n.armed = true
	if n.timer == nil {
		n.timer = time.AfterFunc(after, srv.tickAnnounce)
	} else {
		n.timer.Reset(after)
	}
}

// tickAnnounce announces what is due. It runs in the timer's goroutine; close waits
// for it.
func (srv *Server) tickAnnounce() {
	st := &srv.state
	n := &st.numbering
	n.announcing <- struct{}{}
	defer func() { <-n.announcing }()
	if st.ctx.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(st.ctx, announceInterval)
	defer cancel()
	// A server without sockets listens, too: so it learns that it was cut off.
	if err := srv.subscribeDisconnects(ctx); err != nil {
		srv.logger().Warn("the layer cannot be reached", "error", err)
	}
	srv.announce(ctx, false)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.armed = false
	if len(n.topics) > 0 {
		n.arm(srv, announceInterval)
	}
}

// announce publishes the announcements that are due, or all that are left.
func (srv *Server) announce(ctx context.Context, all bool) {
	n := &srv.state.numbering
	due, cut := n.due(time.Now(), all)
	for topic, q := range due {
		since := announcementTimes{time.Since(q.first), time.Since(q.at), time.Since(cut)}
		err := srv.Layer.Publish(ctx, topic, newAnnouncement(q.id, q.last, since))
		if err == nil {
			n.announced(topic, q)
		} else if ctx.Err() != nil {
			return // what is left is due at the next time
		}
	}
}

// due returns the sequences to announce, as they are, and when the layer was last cut
// off. It forgets sequences that have been quiet for long. One with a message under way
// is not quiet.
func (n *numbering) due(now time.Time, all bool) (due map[string]sequence, cut time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	due = make(map[string]sequence)
	for topic, q := range n.topics {
		if n.again {
			q.due, q.announcedAt = announcements, q.first
		}
		quiet, since := now.Sub(q.at), now.Sub(q.announcedAt)
		switch {
		case q.due == 0 && quiet > sequenceTime:
			delete(n.topics, topic)
		case q.due == 0 || q.pending > 0:
		case all,
			q.due == announcements && quiet >= announceQuiet,
			q.due < announcements && since >= announceAgain,
			since >= announceAnyway:
			due[topic] = *q
		}
	}
	n.again = false
	return due, n.cut
}

// announced notes that q, a copy, has been announced.
func (n *numbering) announced(topic string, was sequence) {
	n.mu.Lock()
	defer n.mu.Unlock()
	q := n.topics[topic]
	if q == nil || q.id != was.id {
		return
	}
	q.announcedAt = time.Now()
	if q.last == was.last {
		q.due--
	}
}

// cutOff has everything announced once more: what was published before the layer was
// connected again may have been lost.
func (n *numbering) cutOff() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.again = true
	n.cut = time.Now()
}

// close ends the announcements, after the last ones. No more are made of what is
// published later.
func (n *numbering) close() {
	n.mu.Lock()
	n.closed = true
	if n.timer != nil {
		n.timer.Stop()
	}
	n.mu.Unlock()
	n.announcing <- struct{}{} // waits for a tick that has begun
	<-n.announcing
}
