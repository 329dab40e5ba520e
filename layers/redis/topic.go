package redislayer

import "slices"

// A topic is a channel that a line is subscribed to, or is about to be, or to be no
// more. Its fields are guarded by line.mu.
type topic struct {
	channel string
	subs    []*subscription // never changed, but replaced
	changed bool            // is in line.changed
	sent    bool            // the connection has been told to subscribe, and not to end it since
	ending  int             // times that it has been told to end it and has not confirmed
	inForce bool            // confirmed
	ready   chan struct{}   // closed when inForce is set or err
	err     error           // the server's refusal
}

func (t *topic) add(s *subscription) {
	t.subs = append(slices.Clip(t.subs), s)
}

// remove reports whether s was there.
func (t *topic) remove(s *subscription) bool {
	i := slices.Index(t.subs, s)
	if i < 0 {
		return false
	}
	t.subs = slices.Concat(t.subs[:i], t.subs[i+1:])
	return true
}

// reset forgets what was said on a connection that is lost. Subscriptions that
// were in force are owed a gap.
func (t *topic) reset() {
	t.sent, t.ending, t.err = false, 0, nil
	if !t.inForce {
		return
	}
	t.inForce = false
	t.ready = make(chan struct{})
	for _, s := range t.subs {
		s.lost = s.lost || s.inForce
	}
}

// confirm puts the topic in force and returns the subscriptions for which gap is
// to be called.
func (t *topic) confirm() (missed []*subscription) {
	if !t.inForce {
		t.inForce = true
		close(t.ready)
	}
	for _, s := range t.subs {
		if s.lost {
			s.lost = false
			missed = append(missed, s)
		}
	}
	return missed
}
