package channels

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// A group is the sockets of this process that have joined a name.
type group struct {
	srv     *Server
	name    string
	ready   chan struct{} // closed when the layer has subscribed, or failed to
	err     error         // of that; read after ready
	cancel  func() error
	joining int // joins under way; guarded by serverState.mu

	mu      sync.Mutex // guards what follows
	members socketSet
	seen    atomic.Pointer[[]*Socket] // the members, until they change
}

// maxGroupName is the length of a group's name, in bytes.
const maxGroupName = 100

var errGroupName = fmt.Errorf("channels: a group's name is 1 to %d letters, digits, '.', '-' and '_'", maxGroupName)

func validGroup(name string) bool {
	if name == "" || len(name) > maxGroupName {
		return false
	}
	for i := range len(name) {
		c := name[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '-' || c == '_') {
			return false
		}
	}
	return true
}

// ErrTooManyGroups is returned by a Join over [Server.MaxGroups].
var ErrTooManyGroups = errors.New("channels: the socket is in too many groups")

// Join adds the socket to groups, until it leaves them or ends. A name is 1 to 100
// letters, digits, '.', '-' and '_'. What is sent to a group after Join has
// returned reaches the socket. Joining again is no error. For the first of a process in a
// group it waits until the [Layer] has subscribed, for 10 s at most.
func (s *Socket) Join(ctx context.Context, groups ...string) error {
	for _, name := range groups {
		if !validGroup(name) {
			return errGroupName
		}
	}
	for _, name := range groups {
		if err := s.join(ctx, name); err != nil {
			return fmt.Errorf("channels: join %s: %w", name, err)
		}
	}
	return nil
}

func (s *Socket) join(ctx context.Context, name string) error {
	s.mu.Lock()
	_, member := s.groups[name]
	err := s.mayEnter(name)
	s.mu.Unlock()
	if member || err != nil {
		return err
	}
	g, err := s.openGroup(ctx, name)
	if err != nil {
		return err
	}
	err = s.enter(g)
	s.srv.endJoin(g)
	return err
}

// enter makes the socket a member of g.
func (s *Socket) enter(g *group) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.mayEnter(g.name); err != nil {
		return err
	}
	if s.groups == nil {
		s.groups = make(map[string]*group)
	}
	s.groups[g.name] = g
	g.add(s)
	return nil
}

// mayEnter returns why the socket cannot become a member of a group. The caller holds mu.
func (s *Socket) mayEnter(name string) error {
	limit := orDefault(s.srv.MaxGroups, defaultMaxGroups)
	switch _, member := s.groups[name]; {
	case s.over:
		return s.ended()
	case !member && limit > 0 && len(s.groups) >= limit:
		return ErrTooManyGroups
	}
	return nil
}

// ended returns why the socket can do no more. Its handler may have returned, and its
// context not be over yet.
func (s *Socket) ended() error {
	if err := context.Cause(s.Context()); err != nil {
		return err
	}
	return net.ErrClosed
}

// Leave takes the socket out of groups. One that it is not in is no error.
func (s *Socket) Leave(ctx context.Context, groups ...string) error {
	var errs []error
	for _, name := range groups {
		s.mu.Lock()
		g := s.groups[name]
		if g != nil {
			delete(s.groups, name)
			g.remove(s) // under the lock: a Join at the same time comes before both or after
		}
		s.mu.Unlock()
		if g != nil {
			errs = append(errs, s.srv.closeGroup(g))
		}
	}
	return errors.Join(errs...)
}

// Groups returns the names of the groups that the socket is in.
func (s *Socket) Groups() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := make([]string, 0, len(s.groups))
	for name := range s.groups {
		names = append(names, name)
	}
	return names
}

func (s *Socket) leaveGroups() {
	s.untrackAll()
	s.mu.Lock()
	groups := s.groups
	s.groups = nil
	for _, g := range groups {
		g.remove(s)
	}
	s.mu.Unlock()
	for _, g := range groups {
		if err := s.srv.closeGroup(g); err != nil {
			s.logError("a group's subscription did not end cleanly", err)
		}
	}
}

func (g *group) add(s *Socket) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.members.add(s)
	g.seen.Store(nil)
}

func (g *group) remove(s *Socket) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.members.remove(s)
	g.seen.Store(nil)
}

// sockets returns the members, for reading only. A delivery takes no lock, unless
// the members have changed since the last.
func (g *group) sockets() []*Socket {
	if seen := g.seen.Load(); seen != nil {
		return *seen
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	seen := append([]*Socket(nil), g.members.list...)
	g.seen.Store(&seen)
	return seen
}

func (g *group) empty() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.members.list) == 0
}

// subscribeTimeout is how long the layer may take to subscribe.
const subscribeTimeout = 10 * time.Second

// openGroup returns the group of that name, subscribed to at the layer: once for
// this process, when the first of it joins. The caller calls endJoin when it has
// joined or given up.
func (s *Socket) openGroup(ctx context.Context, name string) (*group, error) {
	srv := s.srv
	st := &srv.state
	st.mu.Lock()
	if _, open := st.sockets[s]; !open {
		st.mu.Unlock()
		return nil, s.ended()
	}
	g, ok := st.groups[name]
	if !ok {
		g = &group{srv: srv, name: name, ready: make(chan struct{})}
		st.groups[name] = g
		if srv.Layer == nil {
			close(g.ready)
		} else {
			g.joining++
			st.wg.Add(1)
			go g.subscribe() // ends within subscribeTimeout; Shutdown waits for it
		}
	}
	g.joining++
	st.mu.Unlock()
	select {
	case <-g.ready:
	case <-ctx.Done():
		srv.endJoin(g)
		return nil, context.Cause(ctx)
	}
	if g.err != nil {
		srv.endJoin(g)
		return nil, g.err
	}
	return g, nil
}

// subscribe subscribes to the group's topic, for all who wait for that: it is not bound
// to the context of one of them.
func (g *group) subscribe() {
	st := &g.srv.state
	defer st.wg.Done()
	ctx, cancel := context.WithTimeout(st.ctx, subscribeTimeout)
	defer cancel()
	g.cancel, g.err = g.srv.listen(ctx, groupTopic(g.name), g.take, g.gap)
	close(g.ready)
	g.srv.endJoin(g)
}

// endJoin ends what openGroup began.
func (srv *Server) endJoin(g *group) {
	srv.state.mu.Lock()
	g.joining--
	srv.state.mu.Unlock()
	if err := srv.closeGroup(g); err != nil {
		srv.logger().Error("a group's subscription did not end cleanly", "error", err)
	}
}

// closeGroup ends the group when nobody is in it or about to be.
func (srv *Server) closeGroup(g *group) error {
	st := &srv.state
	st.mu.Lock()
	if g.joining > 0 || !g.empty() || st.groups[g.name] != g {
		st.mu.Unlock()
		return nil
	}
	delete(st.groups, g.name)
	st.mu.Unlock()
	if g.cancel == nil {
		return nil
	}
	return g.cancel()
}

// lookup returns the group of that name, or nil when nobody of this process is in
// it.
func (srv *Server) lookup(name string) *group {
	st := srv.init()
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.groups[name]
}
