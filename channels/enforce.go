package channels

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"
)

// guardState is what the server has taken from a socket's guards.
type guardState struct {
	tags       []string
	expiry     *time.Timer
	rechecks   []*recheck
	admitted   bool // its first guards have been taken
	terminated bool // the socket is gone: nothing is taken any more
}

// errExpired ends a connection whose guard has expired.
var errExpired = &CloseError{Code: StatusUnauthorized, Reason: "expired"}

// guardsChanged makes the server enforce the guards that the scope has now.
func (s *Socket) guardsChanged() {
	st := &s.srv.state
	var tooMany bool
	var expires time.Time
	st.mu.Lock()
	guards := s.scope.Guards() // within the lock: the last change is the last to be taken
	if s.guards.terminated {
		st.mu.Unlock()
		return
	}
	var tags []string
	var rechecks []*recheck
	for _, g := range guards {
		tags = append(tags, g.Tags...)
		if !g.Expires.IsZero() && (expires.IsZero() || g.Expires.Before(expires)) {
			expires = g.Expires
		}
		if g.Rechecker != nil {
			r := s.srv.recheckOf(g.Rechecker, g.Interval)
			r.members.add(s)
			rechecks = append(rechecks, r)
		}
	}
	tooMany = s.setTags(tags)
	for _, r := range s.guards.rechecks {
		if !slices.Contains(rechecks, r) {
			s.srv.leaveRecheck(r, s)
		}
	}
	s.guards.rechecks = rechecks
	if s.guards.expiry != nil {
		s.guards.expiry.Stop()
		s.guards.expiry = nil
	}
	if !expires.IsZero() {
		s.guards.expiry = time.AfterFunc(time.Until(expires), s.expire)
	}
	missed := !s.guards.admitted && slices.ContainsFunc(tags, func(tag string) bool {
		at, ok := st.recent[tag]
		return ok && s.scope.start.Before(at)
	})
	s.guards.admitted = true
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
	s.guards.terminated = true
	s.setTags(nil)
	for _, r := range s.guards.rechecks {
		s.srv.leaveRecheck(r, s)
	}
	s.guards.rechecks = nil
	if s.guards.expiry != nil {
		s.guards.expiry.Stop()
	}
}

const defaultRecheckInterval = time.Minute

// maxRecheck is how many scopes a Rechecker is asked about at once.
const maxRecheck = 1000

// A recheck asks one Rechecker about its sockets, in a goroutine that lives while
// there are any.
type recheck struct {
	by       Rechecker
	interval time.Duration
	members  socketSet // guarded by serverState.mu
	stop     context.CancelFunc
	now      chan struct{} // one slot: ask at once
}

// recheckOf returns the recheck for by. The caller holds serverState.mu.
func (srv *Server) recheckOf(by Rechecker, interval time.Duration) *recheck {
	st := &srv.state
	r, ok := st.rechecks[by]
	if ok {
		return r
	}
	if interval <= 0 {
		interval = defaultRecheckInterval
	}
	ctx, stop := context.WithCancel(st.ctx)
	r = &recheck{by: by, interval: interval, stop: stop, now: make(chan struct{}, 1)}
	st.rechecks[by] = r
	st.wg.Add(1)
	go srv.runRecheck(ctx, r) // ends when the last socket has left; Shutdown waits for it
	return r
}

// leaveRecheck takes s out of r. The caller holds serverState.mu.
func (srv *Server) leaveRecheck(r *recheck, s *Socket) {
	r.members.remove(s)
	if len(r.members.list) == 0 && srv.state.rechecks[r.by] == r {
		delete(srv.state.rechecks, r.by)
		r.stop()
	}
}

// recheckNow has all rechecks made at once.
func (srv *Server) recheckNow() {
	st := &srv.state
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, r := range st.rechecks {
		select {
		case r.now <- struct{}{}:
		default:
		}
	}
}

func (srv *Server) runRecheck(ctx context.Context, r *recheck) {
	st := &srv.state
	defer st.wg.Done()
	timer := time.NewTimer(jitter(r.interval))
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-r.now:
		case <-ctx.Done():
			return
		}
		st.mu.Lock()
		sockets := slices.Clone(r.members.list)
		st.mu.Unlock()
		for chunk := range slices.Chunk(sockets, maxRecheck) {
			srv.recheckChunk(ctx, r.by, chunk)
		}
		timer.Reset(jitter(r.interval))
	}
}

func (srv *Server) recheckChunk(ctx context.Context, by Rechecker, sockets []*Socket) {
	scopes := make([]*Scope, len(sockets))
	for i, s := range sockets {
		scopes[i] = s.scope
	}
	verdicts := by.Recheck(ctx, scopes)
	if len(verdicts) != len(sockets) {
		return
	}
	for i, err := range verdicts {
		if err == nil {
			continue
		}
		ce, ok := errors.AsType[*CloseError](err)
		if !ok {
			ce = &CloseError{Code: StatusUnauthorized}
			srv.logger().LogAttrs(ctx, slog.LevelInfo, "a connection may not stay",
				slog.Any("scope", sockets[i].scope), slog.Any("reason", err))
		}
		sockets[i].end(ce, false)
	}
}
