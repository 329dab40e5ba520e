package sessions

import (
	"context"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/channels"
)

// Load returns the session of the request or connection that ctx belongs to. It is
// where a Store is asked, at the first call. A client without a session, or with
// one that is forged or has expired, gets a new one, which comes into being when
// something is set. The errors are [ErrNoManager] and [ErrUnavailable]; the
// latter is not remembered, so that a later call asks the Store again.
func Load(ctx context.Context) (*Session, error) {
	scope, ok := channels.ScopeFrom(ctx)
	if !ok {
		return nil, ErrNoManager
	}
	s, ok := scope.Value(slotKey{}).(*Session)
	if !ok {
		return nil, ErrNoManager
	}
	if err := s.resolve(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// resolve finds out what the client's cookie is worth, once.
func (s *Session) resolve(ctx context.Context) error {
	s.mu.Lock()
	resolved := s.resolved
	if !resolved && s.rules.store == nil {
		s.openCookie()
		resolved = true
	}
	s.unlock()
	if resolved {
		return nil
	}
	if err := s.lockStore(ctx); err != nil {
		return err
	}
	defer s.unlockStore()
	s.mu.Lock()
	token := ""
	if !s.resolved { // by whoever held the lock
		token = s.findToken()
		s.resolved = token == ""
	}
	resolved = s.resolved
	s.unlock()
	if resolved {
		return nil
	}
	return s.fetch(ctx, token, storeKey(token))
}

// fetch loads what the Store has under a key. Token, if not empty, is what the client has
// shown. The store is locked.
func (s *Session) fetch(ctx context.Context, token, key string) error {
	r, version, err := s.loadRecord(ctx, key)
	if err != nil {
		return err
	}
	worth := tokenWrong
	if version != 0 && token != "" {
		worth = r.turn.standing(token, s.stored.arrived)
	}
	s.mu.Lock()
	if !s.resolved && version != 0 && worth == tokenWrong {
		s.mu.Unlock()
		return s.refuse(ctx, r, key)
	}
	defer s.mu.Unlock()
	s.resolved = true
	line := s.line()
	s.clear()
	if version != 0 {
		s.adopt(r)
		s.stored.key, s.stored.version = key, version
		if !s.committed {
			s.stored.token, s.stored.standing = token, worth
			s.setLine(line)
		}
	}
	return nil
}

// refuse makes nobody's session of one whose token was not quite right, and ends it if it
// is of the kind whose token is replaced.
func (s *Session) refuse(ctx context.Context, r record, key string) error {
	// Who came before the present token was given out knows no better.
	watched := r.mode == modeOwn && s.stored.arrived >= r.turn.at+turnGrace
	if watched {
		if err := s.rules.store.Delete(ctx, key); err != nil {
			return unavailable("delete", err)
		}
	}
	s.mu.Lock()
	defer s.unlock()
	s.resolved = true
	s.clear()
	if watched {
		s.ended = true
		reused := newSession(s.rules, s.stored.arrived, nil)
		reused.resolved, reused.committed = true, true
		reused.adopt(r)
		s.stored.reused = reused
		s.note("a former token of a remembered session was used: the cookie has been copied, and the session is ended, id " + r.id)
	} else {
		s.ignore(refusedForm)
	}
	return nil
}

// loadRecord returns the live session that the Store has under a key, and its
// version: 0 if there is none.
func (s *Session) loadRecord(ctx context.Context, key string) (r record, version uint64, err error) {
	data, version, err := s.rules.store.Load(ctx, key)
	if err != nil {
		return r, 0, unavailable("load", err)
	}
	if version == 0 {
		return r, 0, nil
	}
	if !r.parseStored(data) {
		s.rules.log().ErrorContext(ctx, "sessions: what the store has is no session, or one of another version of this package; it is ignored")
		return r, 0, nil
	}
	now := time.Now().Unix()
	r.issued = min(r.issued, now) // if it was saved by a clock that was ahead
	if !r.alive(now, s.rules.idle) {
		return r, 0, nil
	}
	return r, version, nil
}

// clientCookie returns the value of the session's cookie, or nothing if it is not
// to be used.
func (s *Session) clientCookie() string {
	if s.cookies == nil {
		return ""
	}
	value, err := cookieValue(*s.cookies, s.rules.cookie.name)
	s.sent = value != "" || err != nil
	if err == nil && len(value) > maxCookie {
		// Before anything is decoded or hashed.
		err = refusal("too long")
	}
	if err != nil {
		s.ignore(err)
		return ""
	}
	return value
}

// openCookie takes the session out of the client's cookie.
func (s *Session) openCookie() {
	s.resolved = true
	value := s.clientCookie()
	if value == "" {
		return
	}
	t, err := s.rules.signer.open(s.rules.cookie.name, value)
	if err == nil {
		r := record{issued: t.issued, ends: t.ends, oldKey: t.old}
		now := time.Now().Unix()
		switch {
		case !r.parsePayload(t.payload, s.few[:0]):
			err = refusedForm
		case !r.alive(now, s.rules.idle):
			err = refusedExpired
		default:
			s.adopt(r)
			return
		}
	}
	if err != refusedExpired { // which happens every day
		s.ignore(err)
	}
}

// findToken returns the client's token, or nothing if it cannot be one.
func (s *Session) findToken() string {
	token := s.clientCookie()
	if token != "" && !isStoreToken(token) {
		s.ignore(refusedForm)
		return ""
	}
	return token
}

// detach keeps of the request's cookies only what a later Load needs: a socket
// outlives its request.
func (s *Session) detach() {
	if s.resolved {
		s.cookies = nil
		return
	}
	if value := s.clientCookie(); value != "" {
		s.cookies = &[]string{s.rules.cookie.name + "=" + value}
		return
	}
	s.cookies, s.resolved = nil, true
}

// ignore notes why the client's cookie is not used: for the log alone.
func (s *Session) ignore(reason error) {
	s.note("the cookie is ignored: " + reason.Error())
}

// note keeps a line for the log until the mutex is free.
func (s *Session) note(line string) { s.outbox().notes = append(s.outbox().notes, line) }

// unlock frees the mutex and writes the notes that were made under it.
func (s *Session) unlock() {
	var notes []string
	if s.out != nil {
		notes, s.out.notes = s.out.notes, nil
	}
	s.mu.Unlock()
	for _, line := range notes {
		s.rules.log().Warn("sessions: "+line, "cookie", s.rules.cookie.name)
	}
}

func unavailable(what string, err error) error {
	return fmt.Errorf("%w: %s: %w", ErrUnavailable, what, err)
}
