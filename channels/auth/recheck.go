package auth

import (
	"context"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/sessions"
)

// A recheck holds open connections to what their logins allow. It is one value for all
// connections of a gate, so that the server asks about many at once.
type recheck[U Identity] struct{ gate *Gate[U] }

// maxIDs is how many users a backend is asked for at once.
const maxIDs = 1000

// A checkup is one connection on its way through a recheck.
type checkup[U Identity] struct {
	scope   *channels.Scope
	state   *state[U]
	login   login[U]
	permits []func(U) bool
	index   int // in the scopes
}

// Recheck implements channels.Rechecker: one query for each backend and 1,000 users,
// one for the revocations, one for the sessions in a Store. What cannot be found out closes nothing, until RecheckGrace
// is over.
func (c recheck[U]) Recheck(ctx context.Context, scopes []*channels.Scope) []error {
	verdicts := make([]error, len(scopes))
	list := checkups[U](scopes)
	for len(list) > 0 {
		n := min(len(list), maxIDs)
		c.batch(ctx, list[:n], verdicts)
		list = list[n:]
	}
	for _, err := range verdicts {
		if err != nil {
			return verdicts
		}
	}
	return nil
}

// checkups returns the connections that somebody is logged in on.
func checkups[U Identity](scopes []*channels.Scope) []checkup[U] {
	list := make([]checkup[U], 0, len(scopes))
	for i, scope := range scopes {
		st, ok := scope.Value(slotKey{}).(*state[U])
		if !ok {
			continue
		}
		st.mu.Lock()
		if st.login.id != "" {
			list = append(list, checkup[U]{scope, st, st.login, st.permits(), i})
		}
		st.mu.Unlock()
	}
	return list
}

// checkTimeout is how long a batch may take; then it could not be found out.
const checkTimeout = 30 * time.Second

func (c recheck[U]) batch(ctx context.Context, list []checkup[U], verdicts []error) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	found, err := c.look(ctx, list)
	if err != nil {
		c.gate.log().WarnContext(ctx, "auth: open connections could not be rechecked", "connections", len(list), "err", err)
	}
	for i := range list {
		one := &list[i]
		if err != nil {
			verdicts[one.index] = c.overdue(one)
		} else {
			verdicts[one.index] = c.verdict(one, found)
		}
	}
}

// What a recheck has found out about some connections.
type found[U Identity] struct {
	ended endings
	users map[*source[U]]map[string]U
	ends  map[*sessions.Session]time.Time // zero: it has ended
}

// look asks the revocations, the sessions' store and the backends.
func (c recheck[U]) look(ctx context.Context, list []checkup[U]) (f found[U], err error) {
	f.ended, err = endingsOf(ctx, c.gate.rules.revocations, func() []string { return tagsOf(list) })
	if err != nil {
		return f, err
	}
	if f.ends, err = endsOf(ctx, list); err != nil {
		return f, err
	}
	f.users = make(map[*source[U]]map[string]U)
	for _, s := range c.gate.rules.sources {
		if f.users[s], err = c.load(ctx, s, list); err != nil {
			return f, err
		}
	}
	return f, nil
}

// endsOf returns when the sessions end that the connections depend on.
func endsOf[U Identity](ctx context.Context, list []checkup[U]) (map[*sessions.Session]time.Time, error) {
	var kept []*sessions.Session
	for i := range list {
		if s := list[i].login.kept; s != nil {
			kept = append(kept, s)
		}
	}
	if len(kept) == 0 {
		return nil, nil
	}
	times, err := sessions.Deadlines(ctx, kept)
	if err != nil {
		return nil, err
	}
	ends := make(map[*sessions.Session]time.Time, len(kept))
	for i, s := range kept {
		ends[s] = times[i]
	}
	return ends, nil
}

// tagsOf returns the tags of some connections, each once.
func tagsOf[U Identity](list []checkup[U]) []string {
	tags := make([]string, 0, 2*len(list))
	seen := make(map[string]bool, 2*len(list))
	var buf [2]string
	for i := range list {
		for _, tag := range list[i].login.tags(buf[:0]) {
			if !seen[tag] {
				seen[tag] = true
				tags = append(tags, tag)
			}
		}
	}
	return tags
}

// load loads the users that a backend knows.
func (c recheck[U]) load(ctx context.Context, s *source[U], list []checkup[U]) (map[string]U, error) {
	ids := make([]string, 0, len(list))
	seen := make(map[string]bool, len(list))
	for _, one := range list {
		if id := one.login.id; one.login.backend == s && !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	return s.ByIDs(ctx, ids)
}

// overdue returns why a connection is closed that could not be rechecked for too long.
func (c recheck[U]) overdue(one *checkup[U]) error {
	rules := c.gate.rules
	if rules.grace < 0 || time.Since(epoch)-one.login.checked <= rules.interval+rules.grace {
		return nil
	}
	return channels.Closef(channels.StatusTryAgainLater, "logins cannot be checked at the moment")
}

// verdict returns why a connection must end, or notes that it may stay.
func (c recheck[U]) verdict(one *checkup[U], f found[U]) error {
	who := one.login
	if who.backend != nil {
		user, ok := f.users[who.backend][who.id]
		if !ok || idOf(user) != who.id || !hasStamp(user, who.stamp) {
			return errEnded
		}
		who.user = user
	}
	if f.ended.ends(who.id, who.session, who.since) {
		return errEnded
	}
	if who.kept != nil {
		ends := f.ends[who.kept]
		if ends.IsZero() {
			return errEnded
		}
		who.expires = earlier(momentOf(ends), who.limit)
	}
	for _, may := range one.permits {
		if !may(who.user) {
			return channels.Closef(channels.StatusForbidden, "not allowed any more")
		}
	}
	who.checked = time.Since(epoch)
	one.state.stays(one.scope, one.login, who)
	return nil
}

var errEnded = channels.Closef(channels.StatusUnauthorized, "the login has ended")

// stays notes a login as it is now, unless the connection has become another's, or was
// refreshed, meanwhile.
func (s *state[U]) stays(scope *channels.Scope, was, now login[U]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	same := s.login.id == was.id && s.login.backend == was.backend && s.login.since == was.since &&
		s.login.kept == was.kept && s.login.expires == was.expires
	if !same {
		return
	}
	s.login = now
	if now.expires != was.expires {
		s.gate.guard(scope, &now)
	}
}
