package auth

import (
	"context"
	"time"

	"github.com/sluicehq/sluice/channels"
)

// A recheck holds open connections to what their logins allow. It is one value for all
// connections of a gate, so that the server asks about many at once.
type recheck[U Identity] struct{ gate *Gate[U] }

// maxIDs is how many users a backend is asked for at once.
const maxIDs = 1000

// A checkup is one connection on its way through a recheck.
type checkup[U Identity] struct {
	state   *state[U]
	login   login[U]
	permits []func(U) bool
	index   int // in the scopes
}

// Recheck implements channels.Rechecker: one query for each backend and 1,000 users,
// one for the revocations. What cannot be found out closes nothing, until RecheckGrace
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
			list = append(list, checkup[U]{st, st.login, st.permits, i})
		}
		st.mu.Unlock()
	}
	return list
}

func (c recheck[U]) batch(ctx context.Context, list []checkup[U], verdicts []error) {
	ended, err := endingsOf(ctx, c.gate.rules.revocations, func() []string { return tagsOf(list) })
	users := make(map[*source[U]]map[string]U)
	for _, s := range c.gate.rules.sources {
		if err == nil {
			users[s], err = c.load(ctx, s, list)
		}
	}
	if err != nil {
		c.gate.log().WarnContext(ctx, "auth: open connections could not be rechecked", "connections", len(list), "err", err)
	}
	for _, one := range list {
		if err != nil {
			verdicts[one.index] = c.overdue(one)
		} else {
			verdicts[one.index] = one.verdict(users[one.login.backend], ended)
		}
	}
}

// tagsOf returns the tags of some connections, each once.
func tagsOf[U Identity](list []checkup[U]) []string {
	tags := make([]string, 0, 2*len(list))
	seen := make(map[string]bool, 2*len(list))
	for _, one := range list {
		for _, tag := range one.login.tags() {
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
func (c recheck[U]) overdue(one checkup[U]) error {
	rules := c.gate.rules
	if rules.grace < 0 || time.Since(one.login.checked) <= rules.interval+rules.grace {
		return nil
	}
	return channels.Closef(channels.StatusTryAgainLater, "logins cannot be checked at the moment")
}

// verdict returns why a connection must end, or notes that it may stay.
func (c *checkup[U]) verdict(users map[string]U, ended endings) error {
	user := c.login.user
	if c.login.backend != nil {
		var ok bool
		if user, ok = users[c.login.id]; !ok || idOf(user) != c.login.id || !hasStamp(user, c.login.stamp) {
			return errEnded
		}
	}
	if ended.ends(c.login.id, c.login.session, c.login.since) {
		return errEnded
	}
	for _, may := range c.permits {
		if !may(user) {
			return channels.Closef(channels.StatusForbidden, "not allowed any more")
		}
	}
	c.state.stays(c.login, user)
	return nil
}

var errEnded = channels.Closef(channels.StatusUnauthorized, "the login has ended")

// stays notes the user as he is now, unless the connection has become another's
// meanwhile.
func (s *state[U]) stays(was login[U], user U) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.login.id == was.id && s.login.backend == was.backend && s.login.since.Equal(was.since) {
		s.login.user, s.login.checked = user, time.Now()
	}
}
