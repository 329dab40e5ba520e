package channels

import (
	"slices"
	"time"
)

// guardState is what the server has taken from a socket's guards.
type guardState struct {
	tags     []string
	rechecks []*recheck

	// Of Server.expiries:
	ends  time.Duration // since epoch
	place int32         // in the heap, from 1; 0: it is not there
	last  bool          // it has been put off as long as it can be
}

// errExpired ends a connection whose guard has expired.
var errExpired = &CloseError{Code: StatusUnauthorized, Reason: "expired"}

// guardsChanged makes the server enforce the guards that the scope has now.
func (s *Socket) guardsChanged() {
	st := &s.srv.state
	var tooMany bool
	var expires time.Time
	st.mu.Lock()
	if s.terminated {
		st.mu.Unlock()
		return
	}
	var tags []string
	var rechecks []*recheck
	// Within the lock: the last change is the last to be taken. Of one guard, which is
	// nearly all, the slices are shared.
	s.scope.eachGuard(func(g *Guard) {
		if tags == nil {
			tags = g.Tags[:len(g.Tags):len(g.Tags)]
		} else {
			tags = append(tags, g.Tags...)
		}
		if !g.Expires.IsZero() && (expires.IsZero() || g.Expires.Before(expires)) {
			expires = g.Expires
		}
		if g.Rechecker != nil {
			r := s.srv.recheckOf(g.Rechecker, g.Interval)
			r.members.add(s)
			if rechecks == nil {
				rechecks = r.alone
			} else {
				rechecks = append(rechecks, r)
			}
		}
	})
	if s.guards == nil {
		if tags == nil && rechecks == nil && expires.IsZero() {
			s.admitted = true
			st.mu.Unlock()
			return
		}
		s.guards = new(guardState)
	}
	tooMany = s.setTags(tags)
	for _, r := range s.guards.rechecks {
		if !slices.Contains(rechecks, r) {
			s.srv.leaveRecheck(r, s)
		}
	}
	s.guards.rechecks = rechecks
	if expires.IsZero() {
		st.expiries.remove(s)
	} else {
		st.expiries.set(s, time.Since(epoch)+time.Until(expires), false)
	}
	missed := !s.admitted && slices.ContainsFunc(tags, func(tag string) bool {
		at, ok := st.recent[tag]
		return ok && s.scope.start.Before(at)
	})
	s.admitted = true
	st.mu.Unlock()
	if missed {
		s.end(&CloseError{Code: StatusUnauthorized}, false)
	}
	if tooMany {
		s.end(&CloseError{Code: StatusPolicyViolation, Reason: "too many connections"}, false)
	}
}

// setTags replaces the socket's tags and reports whether one is used too often. The
// caller holds serverState.mu.
func (s *Socket) setTags(tags []string) (tooMany bool) {
	st := &s.srv.state
	for _, tag := range s.guards.tags {
		if slices.Contains(tags, tag) {
			continue
		}
		if set := st.tags[tag]; set != nil {
			if set.remove(s); len(set.list) == 0 {
				delete(st.tags, tag)
			}
		}
	}
	for _, tag := range tags {
		set := st.tags[tag]
		if set == nil {
			set = new(socketSet)
			st.tags[tag] = set
		}
		set.add(s)
		if limit := s.srv.MaxPerTag; limit > 0 && len(set.list) > limit && !slices.Contains(s.guards.tags, tag) {
			tooMany = true
		}
	}
	s.guards.tags = tags
	return tooMany
}

// dropGuards lets go of everything that guardsChanged took.
func (s *Socket) dropGuards() {
	st := &s.srv.state
	st.mu.Lock()
	defer st.mu.Unlock()
	s.terminated = true
	if s.guards == nil {
		return
	}
	s.setTags(nil)
	for _, r := range s.guards.rechecks {
		s.srv.leaveRecheck(r, s)
	}
	s.guards.rechecks = nil
	st.expiries.remove(s)
}
