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
	unlock, err := s.lockStore(ctx)
	if err != nil {
		return err
	}
	defer unlock()
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
	unlock, err := s.lockStore(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	s.mu.Lock()
	token, key := s.token, s.key
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
	s.changes++
	exists := s.exists
	s.adopt(s.saved)
	s.exists = exists
}

// lockStore keeps others from calling the Store for this session.
func (s *Session) lockStore(ctx context.Context) (unlock func(), err error) {
	select {
	case s.lock <- struct{}{}:
		return func() { <-s.lock }, nil
	case <-ctx.Done():
		return nil, unavailable("wait", context.Cause(ctx))
	}
}

// saveCookie makes the Set-Cookie line of a session that is all in the cookie.
func (s *Session) saveCookie() error {
	if s.dirty() {
		return s.seal()
	}
	if s.ended && s.line == "" {
		s.line = s.rules.cookie.expire()
	}
	return nil
}

// seal signs the session as it is.
func (s *Session) seal() error {
	r := s.now
	r.issued = time.Now().Unix()
	value := s.rules.signer.seal(s.rules.cookie.name, r.appendPayload(nil), r.issued, r.ends)
	line, err := s.rules.cookie.set(value, s.maxAge(&r))
	if err != nil {
		return err
	}
	s.line = line
	s.ended, s.oldKey = false, false
	s.adopt(r)
	return nil
}
