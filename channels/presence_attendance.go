package channels

import (
	"context"
	"sync"
	"time"

	"github.com/sluicehq/sluice/channels/internal/roster"
)

// An attendance is what this process knows of who is in one group, while there are
// sockets that track or watch, or somebody asks.
type attendance struct {
	srv    *Server
	name   string
	users  int           // follow without unfollow; guarded by presences.mu
	ready  chan struct{} // closed when the layer has subscribed, or failed to
	err    error         // of that; like cancel read after ready
	cancel func() error

	mu       sync.Mutex // guards what follows; taken before Socket.mu
	roster   *roster.Roster
	asked    time.Time          // when the others were first asked
	sockets  map[*Socket]uint64 // the numbers in the roster; 0: it only watches
	sorted   []Member           // as of sortedAt
	sortedAt uint64
	timer    *time.Timer // calls run when something is due
	running  bool        // run does, or finish
	ended    bool
}

func (a *attendance) topic() string { return "presence:" + a.name }

// subscribe subscribes to the topic, for all who wait for that: it is not bound to the
// context of one of them.
func (a *attendance) subscribe() {
	ctx, cancel := context.WithTimeout(a.srv.state.ctx, subscribeTimeout)
	defer cancel()
	a.cancel, a.err = a.srv.Layer.Subscribe(ctx, a.topic(), a.deliver, a.cutOff)
	close(a.ready)
	a.srv.unfollow(a)
}

func (a *attendance) empty() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.sockets) == 0
}

// add makes s one that m shows, or one that only watches.
func (a *attendance) add(s *Socket, m *Member) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	number, there := a.sockets[s]
	if !there {
		if err := s.enlist(a); err != nil {
			return err
		}
		a.sockets[s] = 0
	}
	switch {
	case m == nil && number != 0:
		a.roster.Remove(number)
		a.sockets[s] = 0
	case m == nil: // it watches already
	case number != 0:
		a.roster.Set(number, m.Key, m.Meta)
	default:
		if a.sockets[s] = a.roster.Add(m.Key, m.Meta); a.sockets[s] == 0 {
			return errManyMembers
		}
	}
	a.begin()
	a.schedule()
	return nil
}

// enlist notes at the socket that it is in a.
func (s *Socket) enlist(a *attendance) error {
	limit := orDefault(s.srv.MaxGroups, defaultMaxGroups)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.over:
		return s.ended()
	case limit > 0 && len(s.present) >= limit:
		return ErrTooManyGroups
	}
	if s.present == nil {
		s.present = make(map[string]*attendance)
	}
	s.present[a.name] = a
	return nil
}

// remove takes s out.
func (a *attendance) remove(s *Socket) {
	ps := &a.srv.state.presences
	ps.mu.Lock()
	defer ps.mu.Unlock()
	a.mu.Lock()
	if number := a.sockets[s]; number != 0 {
		a.roster.Remove(number)
	}
	delete(a.sockets, s)
	a.schedule()
	a.mu.Unlock()
	ps.endUnused(a)
}

// deliver takes a message of the topic from the layer.
func (a *attendance) deliver(b []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.roster.Receive(time.Now(), b)
	a.schedule()
}

// answersIn returns how long it takes until who was asked has answered: 0 when there are
// sockets, which are told of what is still to come.
func (a *attendance) answersIn() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.sockets) > 0 {
		return 0
	}
	a.begin()
	a.schedule()
	return time.Until(a.asked.Add(a.srv.heartbeat() / roster.AnswerPart))
}

// begin has the others asked for all they have, once: when the first socket is in, so
// that it is shown at once, and not when the layer has taken the question. The caller
// holds mu.
func (a *attendance) begin() {
	if a.asked.IsZero() {
		a.asked = time.Now()
		a.roster.Ask(a.asked, false)
	}
}

// cutOff has them asked again, as messages may have been lost.
func (a *attendance) cutOff() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.roster.Ask(time.Now(), true)
	a.schedule()
}

// schedule has run called when something is due. The caller holds mu.
func (a *attendance) schedule() {
	next := a.roster.Next()
	if a.running || a.ended || next.IsZero() {
		return // run calls it at its end
	}
	if wait := time.Until(next); a.timer == nil {
		a.timer = time.AfterFunc(wait, a.run)
	} else {
		a.timer.Reset(wait)
	}
}

// run tells the sockets and the other processes what is due, until nothing is.
func (a *attendance) run() {
	a.mu.Lock()
	if a.running || a.ended {
		a.mu.Unlock()
		return
	}
	a.running = true
	for !a.ended {
		joins, leaves, out := a.roster.Flush(time.Now())
		a.post(joins, leaves)
		if len(out) == 0 {
			break
		}
		a.mu.Unlock()
		a.publish(out)
		a.mu.Lock()
	}
	if a.ended {
		a.mu.Unlock()
		a.finish()
		return
	}
	a.running = false
	a.schedule()
	a.mu.Unlock()
}

// post tells the sockets of a change. The caller holds mu.
func (a *attendance) post(joins, leaves []*roster.Entry) {
	if len(joins)+len(leaves) == 0 || len(a.sockets) == 0 {
		return
	}
	e := Event{
		Type:     EventPresence,
		Group:    a.name,
		Presence: &Presence{Joins: toMembers(joins), Leaves: toMembers(leaves)},
	}
	for s := range a.sockets {
		s.post(e)
	}
}

// publishTimeout is how long the layer may take for what is told at once.
const publishTimeout = 5 * time.Second

// publish sends messages to the topic. What the layer does not take is lost, and made
// good after the next beat.
func (a *attendance) publish(out [][]byte) {
	st := &a.srv.state
	ctx, cancel := context.WithTimeout(st.ctx, publishTimeout)
	defer cancel()
	var err error
	for _, b := range out {
		if err = a.srv.Layer.Publish(ctx, a.topic(), b); err != nil {
			break
		}
	}
	if failed := err != nil; st.presences.failing.Swap(failed) != failed && failed {
		a.srv.logger().Warn("presence cannot be published", "group", a.name, "error", err)
	}
}

// end lets go of the group: the other processes are told, and the layer.
func (a *attendance) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ended = true
	if a.timer != nil {
		a.timer.Stop()
	}
	switch {
	case a.cancel == nil:
		a.srv.state.presences.wg.Done()
	case !a.running: // or run finishes
		go a.finish() // ends within the layer's time; presences.close waits for it
	}
}

func (a *attendance) finish() {
	defer a.srv.state.presences.wg.Done()
	a.mu.Lock()
	bye := a.roster.Bye()
	a.mu.Unlock()
	if bye != nil {
		a.publish([][]byte{bye})
	}
	if err := a.cancel(); err != nil {
		a.srv.logger().Error("a presence's subscription did not end cleanly", "group", a.name, "error", err)
	}
}
