package channels

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

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
	alone    []*recheck    // r itself, for the sockets that have no other; never changed
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
	r.alone = []*recheck{r}
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

// Recheck asks the Recheckers about every socket with tag, on every process, before
// their interval is over: because something has changed that they look at, such as a
// user's rights. When it returns, those of this process that may not stay are closed, as
// by [Server.Disconnect]; on other processes that follows. An error means that other
// processes may not have been told.
func (srv *Server) Recheck(ctx context.Context, tag string) error {
	if tag == "" {
		return errors.New("channels: recheck: the tag is empty")
	}
	st := srv.init()
	st.mu.Lock()
	due := st.tagged(tag)
	st.mu.Unlock()
	srv.recheckAll(ctx, due)
	if srv.Layer == nil {
		return nil
	}
	if err := srv.publish(ctx, disconnectTopic, append(newEnvelope(kindRecheck, len(tag)), tag...)); err != nil {
		return fmt.Errorf("channels: recheck on other processes: %w", err)
	}
	return nil
}

// recheckLocal is Recheck as another process asks for it.
func (srv *Server) recheckLocal(tag string) {
	st := &srv.state
	st.mu.Lock()
	defer st.mu.Unlock()
	for by, sockets := range st.tagged(tag) {
		st.due.add(by, sockets...)
	}
	srv.recheckDue()
}

// dueSockets are sockets to be rechecked.
type dueSockets map[Rechecker][]*Socket

func (d *dueSockets) add(by Rechecker, sockets ...*Socket) {
	if *d == nil {
		*d = make(dueSockets)
	}
	(*d)[by] = append((*d)[by], sockets...)
}

// tagged returns the sockets with a tag. The caller holds serverState.mu.
func (st *serverState) tagged(tag string) (due dueSockets) {
	set := st.tags[tag]
	if set == nil {
		return nil
	}
	for _, s := range set.list {
		for _, r := range s.guards.rechecks {
			due.add(r.by, s)
		}
	}
	return due
}

// recheckDue has the sockets that are due rechecked. The caller holds serverState.mu.
func (srv *Server) recheckDue() {
	st := &srv.state
	if st.asking || len(st.due) == 0 || st.ctx.Err() != nil {
		return
	}
	st.asking = true
	st.wg.Add(1)
	go srv.runDue() // ends when nothing is due; Shutdown waits for it
}

// runDue asks about the sockets that are due, as many at once as there are by then.
func (srv *Server) runDue() {
	st := &srv.state
	defer st.wg.Done()
	for {
		st.mu.Lock()
		due := st.due
		st.due = nil
		st.asking = len(due) > 0
		st.mu.Unlock()
		if len(due) == 0 {
			return
		}
		srv.recheckAll(st.ctx, due)
	}
}

func (srv *Server) recheckAll(ctx context.Context, due dueSockets) {
	for by, sockets := range due {
		for chunk := range slices.Chunk(sockets, maxRecheck) {
			srv.recheckChunk(ctx, by, chunk)
			for _, s := range chunk {
				s.endExpired()
			}
		}
	}
}
