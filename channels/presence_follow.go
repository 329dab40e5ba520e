package channels

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"github.com/sluicehq/sluice/channels/internal/roster"
)

// presences are the groups whose presence this process follows.
type presences struct {
	wg      sync.WaitGroup // of attendances
	mu      sync.Mutex     // guards what follows; taken before attendance.mu
	closed  bool
	node    uint64 // names this process to the others
	begun   uint64 // attendances so far
	groups  map[string]*attendance
	failing atomic.Bool // the layer does not take what is published
}

// close waits until the last goodbye has been said. Nobody follows a group any more.
func (ps *presences) close() {
	ps.mu.Lock()
	ps.closed = true
	ps.mu.Unlock()
	ps.wg.Wait()
}

func (ps *presences) lookup(name string) *attendance {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	return ps.groups[name]
}

// follow returns the attendance of a group, subscribed to at the layer. The caller
// calls unfollow.
func (srv *Server) follow(ctx context.Context, name string) (*attendance, error) {
	st := srv.init()
	ps := &st.presences
	ps.mu.Lock()
	a, ok := ps.groups[name]
	if !ok {
		if ps.closed {
			ps.mu.Unlock()
			return nil, ErrDraining
		}
		a = ps.begin(srv, name)
	}
	a.users++
	ps.mu.Unlock()
	select {
	case <-a.ready:
	case <-ctx.Done():
		srv.unfollow(a)
		return nil, context.Cause(ctx)
	}
	if a.err != nil {
		srv.unfollow(a)
		return nil, a.err
	}
	return a, nil
}

// begin begins an attendance, which the caller follows. The caller holds mu.
func (ps *presences) begin(srv *Server, name string) *attendance {
	for ps.node == 0 {
		ps.node = rand.Uint64()
	}
	if ps.groups == nil {
		ps.groups = make(map[string]*attendance)
	}
	a := &attendance{
		srv:     srv,
		name:    name,
		ready:   make(chan struct{}),
		sockets: make(map[*Socket]uint64),
		roster: roster.New(roster.Config{
			Node:      ps.node,
			Base:      ps.begun << 32,
			Heartbeat: srv.heartbeat(),
			Random:    rand.Float64,
		}),
	}
	ps.begun++
	ps.groups[name] = a
	ps.wg.Add(1)
	if srv.Layer == nil {
		close(a.ready)
	} else {
		a.users++
		go a.subscribe() // ends within subscribeTimeout; presences.close waits for it
	}
	return a
}

// unfollow ends what follow began.
func (srv *Server) unfollow(a *attendance) {
	ps := &srv.state.presences
	ps.mu.Lock()
	defer ps.mu.Unlock()
	a.users--
	ps.endUnused(a)
}

// endUnused ends an attendance that nobody needs any more. The caller holds mu.
func (ps *presences) endUnused(a *attendance) {
	if a.users == 0 && ps.groups[a.name] == a && a.empty() {
		delete(ps.groups, a.name)
		a.end()
	}
}
