package sessions

import (
	"context"
	"fmt"
	"time"
)

// Save saves now what was changed. Before the header is written there is no need
// for it, other than to see the error. Afterwards, so on a socket, it is how a
// change reaches the Store. Changes made elsewhere to other keys are kept, and
// seen from now on. The errors are [ErrTooLarge], [ErrConflict],
// [ErrUnavailable] and [ErrDetached]; after an error the changes are still there,
// and not saved.
func (s *Session) Save(ctx context.Context) error {
	if s.rules.store == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.committed {
			return fmt.Errorf("save: %w", ErrDetached)
		}
		return s.saveCookie()
	}
	if err := s.lockStore(ctx); err != nil {
		return err
	}
	defer s.unlockStore()
	return s.saveStore(ctx, saveAll)
}

// Reload forgets what was changed and not saved, and loads the session again. One
// that was ended elsewhere, or renewed, is then a new one: empty, without an ID.
// What Destroy ended stays so. The errors are [ErrUnavailable], and [ErrDetached]
// when all data is in a cookie that a later response may have replaced.
func (s *Session) Reload(ctx context.Context) error {
	if s.rules.store == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.committed {
			return fmt.Errorf("reload: %w", ErrDetached)
		}
		s.revert()
		return nil
	}
	if err := s.lockStore(ctx); err != nil {
		return err
	}
	defer s.unlockStore()
	s.mu.Lock()
	token, key := s.stored.token, s.stored.key
	if key == "" {
		s.revert()
	}
	s.mu.Unlock()
	if key == "" {
		return nil
	}
	return s.fetch(ctx, token, key)
}

// revert forgets what was changed and not saved.
func (s *Session) revert() {
	if s.stored != nil {
		s.stored.changes++
	}
	exists := s.exists
	s.adopt(*s.base())
	s.exists = exists
}

// lockStore keeps others from calling the Store for this session, until unlockStore.
func (s *Session) lockStore(ctx context.Context) error {
	select {
	case s.stored.lock <- struct{}{}:
		return nil
	case <-ctx.Done():
		return unavailable("wait", context.Cause(ctx))
	}
}

func (s *Session) unlockStore() { <-s.stored.lock }

// saveCookie makes the Set-Cookie line of a session that is all in the cookie.
func (s *Session) saveCookie() error {
	if s.dirty() {
		return s.seal()
	}
	if s.ended && s.line() == "" {
		s.setLine(s.rules.cookie.expire())
	}
	return nil
}

// seal signs the session as it is.
func (s *Session) seal() error {
	r := s.now
	r.issued, r.oldKey = time.Now().Unix(), false
	value := s.rules.signer.seal(s.rules.cookie.name, r.appendPayload(r.room()), r.issued, r.ends)
	line, err := s.rules.cookie.set(value, s.maxAge(&r))
	if err != nil {
		return err
	}
	s.setLine(line)
	s.ended = false
	s.adopt(r)
	return nil
}
