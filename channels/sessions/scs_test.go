package sessions_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/sluicehq/sluice/channels/sessions"
)

// An scsStore is written as the stores of scs are.
type scsStore struct {
	mu    sync.Mutex
	rows  map[string]scsRow
	calls []string
}

type scsRow struct {
	data   []byte
	expiry time.Time
}

func (s *scsStore) note(call string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, call)
}

func (s *scsStore) Find(token string) ([]byte, bool, error) {
	s.note("Find")
	s.mu.Lock()
	defer s.mu.Unlock()
	row, ok := s.rows[token]
	if !ok || !time.Now().Before(row.expiry) {
		return nil, false, nil
	}
	return row.data, true, nil
}

func (s *scsStore) Commit(token string, b []byte, expiry time.Time) error {
	s.note("Commit")
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rows == nil {
		s.rows = map[string]scsRow{}
	}
	s.rows[token] = scsRow{b, expiry}
	return nil
}

func (s *scsStore) Delete(token string) error {
	s.note("Delete")
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.rows, token)
	return nil
}

// An scsCtxStore has the optional methods too, and counts them.
type scsCtxStore struct {
	scsStore
	ctxCalls int
}

func (s *scsCtxStore) FindCtx(_ context.Context, token string) ([]byte, bool, error) {
	s.ctxCalls++
	return s.Find(token)
}

func (s *scsCtxStore) CommitCtx(_ context.Context, token string, b []byte, expiry time.Time) error {
	s.ctxCalls++
	return s.Commit(token, b, expiry)
}

func (s *scsCtxStore) DeleteCtx(_ context.Context, token string) error {
	s.ctxCalls++
	return s.Delete(token)
}

func TestFromSCS(t *testing.T) {
	plain, ctx := &scsStore{}, &scsCtxStore{}
	for name, store := range map[string]sessions.SCSStore{"plain": plain, "with contexts": ctx} {
		t.Run(name, func(t *testing.T) {
			m := &sessions.Manager{Store: sessions.FromSCS(store), Logger: new(logbook).logger()}
			b := newBrowser(t, m)
			b.setKey("k", "v")
			b.setKey("k", "w")
			if b.get("k") != "w" {
				t.Errorf("k is %q", b.get("k"))
			}
			old := b.clone()
			b.visit(func(s *sessions.Session) { s.Renew() })
			if b.get("k") != "w" || old.get("k") != "" {
				t.Errorf("after Renew: k is %q, with the old token %q", b.get("k"), old.get("k"))
			}
			stolen := b.clone()
			b.visit(func(s *sessions.Session) { s.Destroy() })
			if stolen.get("k") != "" {
				t.Error("C20: alive after Destroy")
			}
		})
	}
	if ctx.ctxCalls != len(ctx.calls) {
		t.Errorf("of %d calls %d had a context", len(ctx.calls), ctx.ctxCalls)
	}
}

// C40, C41: also with such a store, unless the other one comes between look and write.
func TestFromSCSLooksFirst(t *testing.T) {
	m := &sessions.Manager{Store: sessions.FromSCS(&scsStore{}), Logger: new(logbook).logger()}
	b := newBrowser(t, m)
	b.setKey("k", "v")
	b.visit(func(s *sessions.Session) {
		set(t, s, "a", "1")
		b.clone().setKey("b", "2")
	})
	if b.get("a") != "1" || b.get("b") != "2" {
		t.Errorf("C40: a is %q, b is %q", b.get("a"), b.get("b"))
	}
	stolen := b.clone()
	res := stolen.visit(func(s *sessions.Session) {
		set(t, s, "a", "3")
		b.visit(func(s *sessions.Session) { s.Destroy() })
	})
	if res.StatusCode != http.StatusConflict || stolen.get("a") != "" {
		t.Errorf("C41: status %d, a is %q", res.StatusCode, stolen.get("a"))
	}
}

func TestFromSCSCancelled(t *testing.T) {
	store := sessions.FromSCS(&scsStore{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, errLoad := store.Load(ctx, "k")
	_, errSave := store.Save(ctx, "k", nil, 0, farFuture)
	for _, err := range []error{errLoad, errSave, store.Delete(ctx, "k")} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want context.Canceled", err)
		}
	}
}

func ExampleFromSCS() {
	redis := &scsStore{} // for example redisstore.New(pool)
	sess := &sessions.Manager{Store: sessions.FromSCS(redis)}
	fmt.Println(sess.Validate())
	// Output: <nil>
}
