package channels

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// A Server serves WebSocket connections, and those of other protocols, for as long
// as they live: it runs their handlers, holds their groups, and closes them when a
// [Guard] says so. The zero value is ready. Its fields must not be changed after
// the first use.
type Server struct {
	// Upgrader answers the opening handshakes.
	Upgrader Upgrader

	// Layer carries groups and disconnects to other processes. With nil, this
	// process is the only one.
	Layer Layer

	// Logger gets what goes wrong. Default [slog.Default].
	Logger *slog.Logger

	// Queue bounds what waits for one socket.
	Queue QueueLimits

	// Slow says what happens when a socket's queue is full. Default [CloseSlow].
	Slow SlowPolicy

	// MaxSockets, MaxPerIP and MaxPerTag are how many sockets may be open: in all,
	// from one address, with one tag of a guard (a user, a session). Handshakes
	// over the first two get 503 and 429; a socket over the third is closed with
	// 1008. 0 means no limit.
	MaxSockets, MaxPerIP, MaxPerTag int

	// MaxGroups is how many groups one socket may be in, and in the presence of how
	// many. Default 1,000; negative means no limit.
	MaxGroups int

	// Park is how long the socket of a [Consumer] is idle before its goroutine is
	// given back; it costs 1 to 2 Park, as idle sockets are looked for at that
	// interval. What comes for a parked socket starts a new goroutine, which ends as
	// soon as it has been handled, if the socket was parked for longer than Park. It
	// saves three quarters of what an idle socket takes, some 3.5 KB, and the more the
	// larger the stack of a consumer grows. Default 2 s; negative means never. It is
	// for TCP on Linux, plain or with TLS, and has no effect elsewhere. Of a plain
	// connection that is parked only the descriptor is kept: the net.Conn that a
	// ConnContext function of net/http may have seen is closed.
	Park time.Duration

	// DrainWindow is the time over which [Server.Shutdown] spreads the end of the
	// sockets, so that their clients do not all come back at once. Default 5 s,
	// and at most half of the time that Shutdown has; negative means none.
	DrainWindow time.Duration

	// Heartbeat is how often this process tells the others, in each group in whose
	// presence its sockets are, that it is there; see [Server.Members]. Default 10 s;
	// at least 100 ms. A heartbeat is a message of some 20 bytes.
	Heartbeat time.Duration

	// KeepHeaders names the request headers that [Scope.Header] still has once the
	// socket is open. Default: none.
	KeepHeaders []string

	// Context returns the context that a socket's context derives from: where an
	// application copies from the request's what a socket needs. It must not be
	// the request's own, which ends with the handshake. Default:
	// [context.Background].
	Context func(*http.Request) context.Context

	// Gap is told when messages of a group have been lost on the way through the
	// layer: how many, or -1 when that is not known. It is for groups that are only
	// broadcast to; consumers get an [EventGap]. It must not block, and is not
	// the place to join or leave a group.
	Gap func(group string, missed int)

	// Observer is told what happens to connections. Default: nobody, at no cost.
	Observer Observer

	// Panic is told of a panic in a handler, which closes the socket with 1011; the
	// default logs it with its stack.
	Panic func(ctx context.Context, value any, stack []byte)

	once  sync.Once
	state serverState
}

// A SlowPolicy says what happens to a message for a socket whose queue is full.
type SlowPolicy int

const (
	CloseSlow  SlowPolicy = iota // the socket is closed with 1013 (try again later)
	DropOldest                   // the message that has waited longest is dropped; see EventDropped
	DropNewest                   // the message is dropped; see EventDropped
)

// QueueLimits bound what waits for one socket; a message is always taken when
// nothing waits. 0 means the default; there is no queue without a bound, so a negative
// limit is an error.
type QueueLimits struct {
	Messages int // default 256
	Bytes    int // of payloads; default 1 MiB
}

const (
	defaultQueueMessages = 256
	defaultQueueBytes    = 1 << 20
	defaultMaxGroups     = 1000
	defaultDrainWindow   = 5 * time.Second
	defaultPark          = 2 * time.Second
)

// serverState is what a Server keeps.
type serverState struct {
	ctx    context.Context // of what the server itself does; ends with Shutdown
	cancel context.CancelFunc
	lanes  []lane
	wg     sync.WaitGroup // of sockets, listeners and rechecks
	parker parker

	presences presences

	numbering numbering

	subscribing chan struct{} // one slot, held while subscribing to disconnects
	disconnect  func() error  // cancels that; guarded by the slot
	subscribed  atomic.Bool   // disconnect has been set

	mu        sync.Mutex // guards what follows
	draining  bool
	sockets   map[*Socket]struct{}
	reserved  int // places of MaxSockets that are taken
	perIP     map[any]int
	tags      map[string]*socketSet
	recent    map[string]time.Time // tags that were disconnected a moment ago
	pruned    time.Time            // when recent was last cleared of older ones
	rechecks  map[Rechecker]*recheck
	due       dueSockets // to be rechecked before the interval is over
	asking    bool       // a goroutine does
	expiries  expiries
	groups    map[string]*group
	listeners map[closer]struct{}
	tally     Stats // what has happened, without what open sockets have counted
}

type closer interface{ Close() error }

// ErrDraining is returned for a connection that comes after Shutdown has begun.
var ErrDraining = errors.New("channels: the server is shutting down")

func (srv *Server) init() *serverState {
	srv.once.Do(func() {
		st := &srv.state
		srv.Upgrader.fallback = srv.Logger
		srv.Upgrader.refused = srv.refused
		st.ctx, st.cancel = context.WithCancel(context.Background())
		st.sockets = make(map[*Socket]struct{})
		st.perIP = make(map[any]int)
		st.tags = make(map[string]*socketSet)
		st.recent = make(map[string]time.Time)
		st.rechecks = make(map[Rechecker]*recheck)
		st.groups = make(map[string]*group)
		st.listeners = make(map[closer]struct{})
		st.tally = Stats{Closed: make(map[StatusCode]uint64), Refused: make(map[string]uint64)}
		st.lanes = newLanes()
		st.subscribing = make(chan struct{}, 1)
		st.numbering.announcing = make(chan struct{}, 1)
	})
	return &srv.state
}

// prepare checks the fields, and parses the Upgrader's, once.
func (srv *Server) prepare() error {
	switch {
	case srv.Queue.Messages < 0, srv.Queue.Bytes < 0:
		return errors.New("channels: Server.Queue has a negative limit: set one that is positive, or 0 for the default")
	case srv.Slow < CloseSlow, srv.Slow > DropNewest:
		return errors.New("channels: Server.Slow is none of CloseSlow, DropOldest and DropNewest")
	}
	srv.init()
	return srv.Upgrader.prepare()
}

func (srv *Server) writeTimeout() time.Duration {
	return orDefault(srv.Upgrader.WriteTimeout, defaultWriteTimeout)
}

func (srv *Server) logger() *slog.Logger {
	if srv.Logger != nil {
		return srv.Logger
	}
	return slog.Default()
}

// Sockets iterates over the open sockets, in no order.
func (srv *Server) Sockets() iter.Seq[*Socket] {
	return func(yield func(*Socket) bool) {
		for _, s := range srv.snapshot() {
			if !yield(s) {
				return
			}
		}
	}
}

func (srv *Server) snapshot() []*Socket {
	st := srv.init()
	st.mu.Lock()
	defer st.mu.Unlock()
	sockets := make([]*Socket, 0, len(st.sockets))
	for s := range st.sockets {
		sockets = append(sockets, s)
	}
	return sockets
}

// admit adds s, whose place is reserved, to the open sockets. After an error it is
// not among them.
func (srv *Server) admit(s *Socket) error {
	st := &srv.state
	st.mu.Lock()
	if st.draining {
		st.mu.Unlock()
		srv.unreserve(s.ip)
		return ErrDraining
	}
	st.sockets[s] = struct{}{}
	st.wg.Add(1)
	st.mu.Unlock()
	s.scope.hold(s)
	s.guardsChanged()
	if err := srv.subscribeDisconnects(st.ctx); err != nil {
		srv.logger().Error("a connection was refused", "error", err)
		srv.remove(s, 0, nil)
		return err
	}
	return nil
}

// remove takes s out of everything that knows it. Code is 0 if it was never opened.
func (srv *Server) remove(s *Socket, code StatusCode, cause error) {
	s.scope.hold(nil)
	s.leaveGroups()
	s.dropGuards()
	st := &srv.state
	st.mu.Lock()
	delete(st.sockets, s)
	st.tally.add(s)
	if code != 0 {
		st.tally.Closed[code]++
	}
	st.mu.Unlock()
	srv.unreserve(s.ip)
	s.tellDropped()
	if code != 0 && srv.Observer != nil {
		srv.Observer.Closed(s, code, cause)
	}
	st.wg.Done()
}
