package sessions

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// maxMerges is how often a save tries again when the session was changed elsewhere
// meanwhile.
const maxMerges = 10

// A draft is a session on its way into the Store.
type draft struct {
	record
	base    []entry // what the changes were made to
	ours    []entry // with the changes
	changes int
	owned   bool
	renew   bool
	expiry  bool
	token   string
	key     string
	version uint64
}

// saveStore brings the Store up to date. The store is locked.
func (s *Session) saveStore(ctx context.Context, kind saveKind) error {
	if err := s.end(ctx); err != nil || kind == saveEnding {
		return err
	}
	s.mu.Lock()
	needsCookie := s.stored.key == "" || s.renew
	switch {
	case !s.dirty(), needsCookie && kind == saveQuiet:
		s.mu.Unlock()
		return nil
	case needsCookie && s.committed:
		s.mu.Unlock()
		return fmt.Errorf("save: %w", ErrDetached)
	}
	d := s.draft()
	s.mu.Unlock()

	err := s.write(ctx, d)
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		if d.changes == s.stored.changes {
			s.owned = s.owned || d.owned
			s.renew = s.renew || d.renew
			s.expiry = s.expiry || d.expiry
		}
	}
	return err
}

// end deletes what Destroy ended.
func (s *Session) end(ctx context.Context) error {
	s.mu.Lock()
	key := s.stored.endKey
	s.mu.Unlock()
	if key != "" {
		if err := s.rules.store.Delete(ctx, key); err != nil {
			return unavailable("delete", err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stored.endKey == key {
		s.stored.endKey = ""
	}
	if s.ended && !s.committed && s.line() == "" {
		s.setLine(s.rules.cookie.expire())
	}
	return nil
}

// draft takes the session as it is, in order to save it.
func (s *Session) draft() *draft {
	st := s.stored
	d := &draft{
		record:  s.now,
		base:    s.base().values,
		ours:    s.now.values,
		changes: st.changes,
		owned:   s.owned,
		renew:   s.renew,
		expiry:  s.expiry,
		token:   st.token,
		key:     st.key,
		version: st.version,
	}
	d.issued = time.Now().Unix()
	if d.expiry && st.token != "" && st.standing != tokenGood {
		d.renew = true // the cookie needs a new age, and its present token is not known
	}
	s.owned, s.renew, s.expiry = false, false, false
	return d
}

func (s *Session) write(ctx context.Context, d *draft) error {
	switch {
	case d.key == "":
		return s.create(ctx, d)
	case d.renew:
		return s.move(ctx, d)
	}
	return s.update(ctx, d)
}

// create saves a new session, under a new token.
func (s *Session) create(ctx context.Context, d *draft) error {
	d.token, d.key = newToken()
	d.turn = newTurn(d.token)
	version, err := s.put(ctx, d, d.key, 0)
	if err != nil {
		return err
	}
	return s.wrote(ctx, d, version, true)
}

// update saves changes, together with those that were made elsewhere.
func (s *Session) update(ctx context.Context, d *draft) error {
	for range maxMerges {
		version, err := s.put(ctx, d, d.key, d.version)
		if err == nil {
			return s.wrote(ctx, d, version, d.expiry)
		}
		if !errors.Is(err, ErrConflict) {
			return err
		}
		if err := s.merge(ctx, d); err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: it never stopped changing", ErrConflict)
}

// move saves the session under a new token and then, if it is still there, ends
// the old one. Until then nobody knows the new token, and afterwards nobody can
// write to the old, whose place says where the session has gone: for sockets that were
// opened with it, see Deadlines.
func (s *Session) move(ctx context.Context, d *draft) error {
	token, key := newToken()
	d.turn = newTurn(token)
	err := s.moveTo(ctx, d, token, key)
	if err != nil {
		s.discard(ctx, key)
	}
	return err
}

func (s *Session) moveTo(ctx context.Context, d *draft, token, key string) error {
	var version uint64
	for range maxMerges {
		var err error
		if version, err = s.put(ctx, d, key, version); err != nil {
			return err
		}
		_, err = s.putRecord(ctx, d.movedTo(key), d.key, d.version)
		if err == nil {
			d.token, d.key = token, key
			return s.wrote(ctx, d, version, true)
		}
		if !errors.Is(err, ErrConflict) {
			return err
		}
		if err := s.merge(ctx, d); err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: it never stopped changing", ErrConflict)
}

// keyMoved is the key, in the place of an old token, of the session's new place.
const keyMoved = "to"

// movedTo is what takes the old token's place.
func (d *draft) movedTo(key string) *record {
	return &record{
		id: d.id, mode: modeEnded, issued: d.issued, ends: d.ends, turn: d.turn,
		values: []entry{{keyMoved, `"` + key + `"`}},
	}
}

// discard deletes what nobody knows of, and expires by itself if that fails.
func (s *Session) discard(ctx context.Context, key string) {
	if err := s.rules.store.Delete(ctx, key); err != nil {
		s.rules.log().WarnContext(ctx, "sessions: a renewal failed, and what it left was not deleted; it will expire", "err", err)
	}
}

// merge puts the changes of a draft upon what the Store has by now.
func (s *Session) merge(ctx context.Context, d *draft) error {
	theirs, version, err := s.loadRecord(ctx, d.key)
	if err != nil {
		return err
	}
	if version == 0 {
		return fmt.Errorf("%w: it was ended", ErrConflict)
	}
	if key, ok := conflict(d.base, d.ours, theirs.values); ok {
		return fmt.Errorf("%w: key %q", ErrConflict, key)
	}
	d.values = apply(d.base, d.ours, theirs.values)
	if !d.expiry && !d.renew {
		d.mode, d.ends = theirs.mode, theirs.ends
	}
	if !d.renew {
		d.turn = theirs.turn
	}
	d.version = version
	return nil
}

func (s *Session) put(ctx context.Context, d *draft, key string, version uint64) (uint64, error) {
	return s.putRecord(ctx, &d.record, key, version)
}

func (s *Session) putRecord(ctx context.Context, r *record, key string, version uint64) (uint64, error) {
	data := r.appendStored(r.room())
	if len(data) > MaxStored {
		return 0, fmt.Errorf("%w: %d bytes of at most %d", ErrTooLarge, len(data), MaxStored)
	}
	version, err := s.rules.store.Save(ctx, key, data, version, time.Unix(r.expires(s.rules.idle), 0))
	if err == nil {
		return version, nil
	}
	if c, ok := errors.AsType[interface {
		error
		Conflict() bool
	}](err); ok && c.Conflict() {
		return 0, fmt.Errorf("%w: %w", ErrConflict, err)
	}
	return 0, unavailable("save", err)
}

// wrote notes that a draft was saved, and makes the cookie if one is needed.
func (s *Session) wrote(ctx context.Context, d *draft, version uint64, cookie bool) error {
	line := ""
	if cookie && d.turn.standing(d.token, 0) == tokenGood { // or else another response has set it
		var err error
		if line, err = s.rules.cookie.set(d.token, s.maxAge(&d.record)); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stored
	if st.changes != d.changes {
		// Destroyed meanwhile: what was written under a new token, nobody knows.
		return nil
	}
	if s.owned { // changed meanwhile
		s.now.values = apply(d.ours, s.now.values, d.values)
	} else {
		s.now.values = d.values
	}
	if !s.expiry && !s.renew {
		s.now.mode, s.now.ends = d.mode, d.ends
	}
	s.now.issued, s.now.turn = d.issued, d.turn
	s.saved, s.exists = nil, true
	if s.owned || s.expiry || s.renew {
		saved := d.record
		s.saved = &saved
	}
	st.key, st.version = d.key, version
	if s.committed {
		return nil
	}
	if st.token != d.token {
		st.token, st.standing = d.token, tokenGood
	}
	if line != "" {
		s.setLine(line)
		s.ended = false
	}
	return nil
}

// touch saves that the session was used, that its token was seen, or gives out another.
// If somebody else saved it meanwhile, that serves as well. The store is locked.
func (s *Session) touch(ctx context.Context) {
	s.mu.Lock()
	st := s.stored
	turning, token := s.turnDue(), st.token
	due, key, version, r := turning || s.touchDue(), st.key, st.version, *s.base()
	good := st.standing == tokenGood
	s.mu.Unlock()
	if !due {
		return
	}
	r.issued = time.Now().Unix()
	if good {
		r.turn = r.turn.shown()
	}
	line := ""
	if turning {
		fresh, _ := newToken()
		fresh = token[:seriesLen] + fresh[seriesLen:]
		r.turn = r.turn.next(token, fresh)
		token = fresh
		line, _ = s.rules.cookie.set(token, s.maxAge(&r)) // as long as the one before
	}
	version, err := s.putRecord(ctx, &r, key, version)
	switch {
	case errors.Is(err, ErrConflict):
	case err != nil:
		s.rules.log().WarnContext(ctx, "sessions: the use of a session was not recorded", "err", err)
	default:
		s.mu.Lock()
		defer s.mu.Unlock()
		if st.key != key {
			return
		}
		st.version = version
		s.now.issued, s.now.turn = r.issued, r.turn
		s.base().issued, s.base().turn = r.issued, r.turn
		if turning {
			st.token, st.standing = token, tokenGood
			s.setLine(line)
		}
	}
}
