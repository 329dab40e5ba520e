package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/sessions"
)

// A Gate says who may pass, and holds for as long as a connection lives. U is the
// application's own type of a user. Set Backends, and Revoker if there are sockets;
// the rest has defaults. It must not be changed or copied once it is in use. Its
// methods may be called by several goroutines at once.
type Gate[U Identity] struct {
	// Backends know the users. They are asked in order at a login; who logged in
	// is then loaded from the backend that knew them. A gate needs one, or
	// Schemes.
	Backends []Backend[U]

	// Schemes are ways to say who one is other than by a session.
	Schemes []Scheme

	// Revoker closes open connections: the *channels.Server. With nil, what is
	// revoked is noticed at the next recheck.
	Revoker Revoker

	// Revocations remembers which logins were ended before their time, so that
	// a copy of a signed cookie is worth nothing after a logout, and a recheck
	// finds a logout whose push was lost. Nil means a [MemoryRevocations] of the
	// gate's own: enough for one process, until it restarts. Several processes
	// share one of package sqlauth, also if their sessions are in a Store.
	Revocations Revocations

	// SessionLifetime is the longest that a session lives, which is how long
	// Revocations must remember one. 0 means 400 days, which none outlives.
	SessionLifetime time.Duration

	// Throttle limits guesses. Nil means a [MemoryThrottle] with its defaults.
	Throttle Throttle

	// InsecureNoThrottle lets anybody guess as often as they like: for tests, and when
	// something in front of the application limits logins.
	InsecureNoThrottle bool

	// ClientAddr returns the address that guesses are counted for. Nil means what
	// the Revoker says if it is a *channels.Server, which heeds TrustedProxies of
	// its Upgrader, and otherwise the peer's. Behind a proxy that is the proxy's,
	// so that all clients count as one: return what the proxy tells, and only
	// what it tells.
	ClientAddr func(ctx context.Context) string

	// RecheckInterval is how often open connections are rechecked, with a
	// jitter of ±10 %: is the user still there, the stamp the same, the
	// predicate of [Gate.Permit] true, nothing revoked, the session still in its
	// Store? 0 means one minute, negative never; then a connection also does not
	// learn that requests have put off the end of its session.
	RecheckInterval time.Duration

	// RecheckGrace is how long a connection is kept whose recheck is due but
	// fails, because a backend does. Then it is closed with 1013 (try again
	// later). 0 means 5 minutes, negative without end.
	RecheckGrace time.Duration

	// KeepKeys are the keys of an anonymous session that survive a login
	// ("cart"). The others are dropped: whoever had the session before may have
	// put them there.
	KeepKeys []string

	// Refuse answers a request that is refused with err, one of this package's
	// errors. Nil means what [Gate.Deny] describes; [LoginPage] redirects.
	Refuse func(w http.ResponseWriter, r *http.Request, err error)

	// Hooks, each may be nil. They are called in the course of what they report,
	// so should be quick. Revoked is told of every tag whose connections are
	// closed, a logout's too.
	LoggedIn    func(ctx context.Context, user U)
	LoggedOut   func(ctx context.Context, userID string)
	LoginFailed func(ctx context.Context, f FailedLogin)
	Revoked     func(ctx context.Context, tag, reason string)

	// Stolen is told whose login was ended because the cookie of a session that
	// [Remember] keeps has been copied: the user should hear of it. It may be nil.
	Stolen func(ctx context.Context, userID string)

	// Logger gets a line for each failed login and for what fails. Nil means
	// [slog.Default].
	Logger *slog.Logger

	once  sync.Once
	rules *rules[U] // set by once
	err   error     // set by once
}

// A Revoker closes every open connection with a tag, on every process:
// *channels.Server.
//
// If it also has a method Recheck(ctx context.Context, tag string) error, that is called
// by [Gate.UserChanged]; and if it has ClientAddr(ctx context.Context) string, that is
// what ClientAddr is when it is nil. The Server has both.
type Revoker interface {
	Disconnect(ctx context.Context, tag, reason string) error
}

// rules are a Gate's fields as they are used: checked, with the defaults.
type rules[U Identity] struct {
	sources     []*source[U]
	revocations Revocations
	throttle    Throttle // nil: none
	lifetime    time.Duration
	interval    time.Duration // 0: never
	grace       time.Duration // negative: without end
	challenge   []string

	forgets sync.Once // says so in the log, see Stack
}

const (
	defaultInterval = time.Minute
	defaultGrace    = 5 * time.Minute

	// maxLifetime is the longest that a session lives.
	maxLifetime = 400 * 24 * time.Hour
)

// Validate returns what is wrong with g and what to change, or nil.
func (g *Gate[U]) Validate() error {
	g.once.Do(func() { g.rules, g.err = g.check() })
	return g.err
}

// ready returns the rules of a gate that is in order.
func (g *Gate[U]) ready() *rules[U] {
	if err := g.Validate(); err != nil {
		panic(err)
	}
	return g.rules
}

func (g *Gate[U]) check() (*rules[U], error) {
	if len(g.Backends) == 0 && len(g.Schemes) == 0 {
		return nil, errors.New("auth: Gate.Backends is empty: set it, for example to a *MemoryUsers")
	}
	r := &rules[U]{revocations: g.Revocations, throttle: g.Throttle, lifetime: g.SessionLifetime}
	for i, b := range g.Backends {
		if b == nil {
			return nil, fmt.Errorf("auth: Gate.Backends[%d] is nil", i)
		}
		s := newSource(b)
		if s.name == "" || strings.ContainsAny(s.name, " \r\n") {
			return nil, fmt.Errorf("auth: a backend is called %q: give it a name without spaces", s.name)
		}
		if r.source(s.name) != nil {
			return nil, fmt.Errorf("auth: two backends are called %q: give them names with auth.Named", s.name)
		}
		r.sources = append(r.sources, s)
	}
	for i, s := range g.Schemes {
		if s.Take == nil || s.Verify == nil {
			return nil, fmt.Errorf("auth: Gate.Schemes[%d] (%s): set Take and Verify", i, s.Name)
		}
		if s.Challenge != "" && !slices.Contains(r.challenge, s.Challenge) {
			r.challenge = append(r.challenge, s.Challenge)
		}
	}
	if r.lifetime <= 0 || r.lifetime > maxLifetime {
		r.lifetime = maxLifetime
	}
	if r.revocations == nil {
		r.revocations = new(MemoryRevocations)
	}
	if r.throttle == nil && !g.InsecureNoThrottle {
		r.throttle = new(MemoryThrottle)
	}
	r.interval = max(orDefault(g.RecheckInterval, defaultInterval), 0)
	r.grace = orDefault(g.RecheckGrace, defaultGrace)
	return r, nil
}

func orDefault(d, fallback time.Duration) time.Duration {
	if d == 0 {
		return fallback
	}
	return d
}

// source returns the backend with a name, or nil. An empty name is the only one's.
func (r *rules[U]) source(name string) *source[U] {
	if name == "" && len(r.sources) == 1 {
		return r.sources[0]
	}
	for _, s := range r.sources {
		if s.name == name {
			return s
		}
	}
	return nil
}

// Handler gives every request to next a user, who is looked up at the first use:
// [User], [Gate.Require], or the acceptance of a handshake. So a handshake that
// fails the checks of its origin costs no query. It panics with Validate's error, and
// for a nil handler.
//
// A handshake is refused, in place of the 101, when its credentials are no good
// (401) or could not be checked (503). So is the response of a handler that asked for
// the user and could not be told: with 503 because a backend failed, with 401 because
// the client's token is no good.
//
// Handler expects a session around it, unless the gate has Schemes: see [Stack].
func (g *Gate[U]) Handler(next http.Handler) http.Handler {
	g.ready()
	if next == nil {
		panic("auth: Gate.Handler: the handler is nil")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scope, r := channels.EnsureScope(r)
		if known(scope, g) {
			next.ServeHTTP(w, r)
			return
		}
		r, list, err := g.take(r)
		if err != nil {
			g.Deny(w, r, err)
			return
		}
		st := &state[U]{handled: true, gate: g}
		if len(list) > 0 {
			st.rare = &rareState[U]{shown: list}
		}
		scope.SetValue(slotKey{}, st)
		rw := &responseWriter{ResponseWriter: w, request: r, user: st}
		next.ServeHTTP(rw, r)
		rw.finish()
	})
}

// known reports whether the scope has a user already: one that a wrapper further
// out put there is kept.
func known[U Identity](scope *channels.Scope, g *Gate[U]) bool {
	switch st := scope.Value(slotKey{}).(type) {
	case nil:
		return false
	case *state[U]:
		st.mu.Lock()
		defer st.mu.Unlock()
		if st.gate == nil || st.gate == g {
			st.gate = g
			return true
		}
		panic("auth: two Gates around one handler: a connection has one user, use one Gate")
	case holder:
		panic(wrongType[U]("a Gate", st))
	}
	return false
}

// Stack is what most applications put around their handlers: sessions, and users on
// top of them. It panics with the error of [Gate.Validate].
func Stack[U Identity](sess *sessions.Manager, gate *Gate[U]) func(http.Handler) http.Handler {
	if sess == nil || gate == nil {
		panic("auth: Stack needs a Manager and a Gate; where there are no sessions, Gate.Handler is enough")
	}
	r := gate.ready()
	if _, inMemory := r.revocations.(*MemoryRevocations); sess.Store == nil && inMemory {
		r.forgets.Do(func() {
			gate.log().Info("auth: sessions are in signed cookies, and which of them were logged out is remembered in memory: a restart forgets it. Set Gate.Revocations or Manager.Store to change that.")
		})
	}
	return func(next http.Handler) http.Handler {
		return sess.Handler(gate.Handler(next))
	}
}

func (g *Gate[U]) log() *slog.Logger {
	if g != nil && g.Logger != nil {
		return g.Logger
	}
	return slog.Default()
}

func isNotMine(err error) bool { return errors.Is(err, ErrNotMine) }
