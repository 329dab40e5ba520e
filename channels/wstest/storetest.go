package wstest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"testing"
	"time"
)

// A Store is what sessions.Store is.
type Store interface {
	Load(ctx context.Context, key string) (data []byte, version uint64, err error)
	Save(ctx context.Context, key string, data []byte, version uint64, expires time.Time) (uint64, error)
	Delete(ctx context.Context, key string) error
}

// TestStore checks that a sessions.Store keeps its contract: that of two who change
// the same version one is refused, that what was deleted or has expired is never
// brought back by somebody who still has a version of it, that versions are never
// used again, and that keys and data are taken byte for byte. Each rule is a
// subtest, and a failure says which rule is broken and what follows from it.
//
// NewStore is called once in each subtest. It may return the same store each time:
// the keys are random. A run takes one to two seconds, because one subtest waits
// for a session to expire.
func TestStore(t *testing.T, newStore func(t *testing.T) Store, opts *StoreOptions) {
	t.Helper()
	suite := newStoreSuite(opts)
	for _, test := range storeCases {
		t.Run(test.name, func(t *testing.T) {
			suite.run(t, test, func() Store { return newStore(t) })
		})
	}
}

// StoreOptions tell [TestStore] about the store. Nil is as the zero value.
type StoreOptions struct {
	// LastWriterWins is for a store that cannot compare and replace in one step, such
	// as one of sessions.FromSCS: the subtests in which calls overlap, or in which the
	// same data is saved again, are skipped, and listed so.
	LastWriterWins bool
}

type storeSuite struct{ StoreOptions }

func newStoreSuite(opts *StoreOptions) *storeSuite {
	if opts == nil {
		return &storeSuite{}
	}
	return &storeSuite{*opts}
}

// A storeCase is one rule of the contract. Why is printed when it is broken.
type storeCase struct {
	name   string
	why    string
	run    func(*storeRun)
	atomic bool // needs a store that compares and replaces in one step
}

// run checks one rule. It takes a testing.TB so that the suite can be tried on
// stores that break rules.
func (s *storeSuite) run(t testing.TB, test storeCase, newStore func() Store) {
	t.Helper()
	if test.atomic && s.LastWriterWins {
		t.Skip("the last writer wins in this store, so it does not hold that " + test.why)
	}
	store := newStore()
	if store == nil {
		t.Fatalf("newStore returned nil")
	}
	defer func() {
		if t.Failed() {
			t.Logf("the rule: %s", test.why)
		}
	}()
	test.run(&storeRun{TB: t, store: store})
}

// A storeRun is one rule being checked.
type storeRun struct {
	testing.TB
	store Store
}

// key returns a key that nobody has used, of the form that a Manager uses.
func (r *storeRun) key() string {
	return "session:" + (rand.Text() + rand.Text())[:43]
}

// soon is an end that no test reaches.
func soon() time.Time { return time.Now().Add(time.Hour) }

// save is Save that must succeed.
func (r *storeRun) save(key, data string, version uint64, expires time.Time) (next uint64) {
	r.Helper()
	next, err := r.store.Save(r.Context(), key, []byte(data), version, expires)
	if err != nil {
		r.Fatalf("Save of version %d: %v", version, err)
	}
	if next == 0 || next == version {
		r.Fatalf("Save of version %d returned version %d: it is another one, and not 0", version, next)
	}
	return next
}

// conflicts is Save that must be refused, in the way that says so.
func (r *storeRun) conflicts(what, key, data string, version uint64) {
	r.Helper()
	next, err := r.store.Save(r.Context(), key, []byte(data), version, soon())
	switch {
	case err == nil:
		r.Errorf("Save %s was not refused, it returned version %d", what, next)
	case !isConflict(err):
		r.Errorf("Save %s: the error %q is no conflict: it needs a method Conflict() bool that returns true", what, err)
	}
}

func isConflict(err error) bool {
	var c interface{ Conflict() bool }
	return errors.As(err, &c) && c.Conflict()
}

// want is Load that must find this.
func (r *storeRun) want(key, data string, version uint64) {
	r.Helper()
	got, v, err := r.store.Load(r.Context(), key)
	switch {
	case err != nil:
		r.Errorf("Load: %v", err)
	case v == 0:
		r.Errorf("Load finds nothing, want %s", quote([]byte(data)))
	case !bytes.Equal(got, []byte(data)):
		r.Errorf("Load finds %s, want %s", quote(got), quote([]byte(data)))
	case v != version:
		r.Errorf("Load finds version %d, Save returned %d", v, version)
	}
}

// wantNothing is Load that must find nothing.
func (r *storeRun) wantNothing(key string) {
	r.Helper()
	data, version, err := r.store.Load(r.Context(), key)
	if err != nil || version != 0 || data != nil {
		r.Errorf("Load returns %s, version %d, %v; want nil, 0, nil", quote(data), version, err)
	}
}

func (r *storeRun) delete(key string) {
	r.Helper()
	if err := r.store.Delete(r.Context(), key); err != nil {
		r.Errorf("Delete: %v", err)
	}
}

// quote shows data, shortened.
func quote(data []byte) string {
	if len(data) > 40 {
		return fmt.Sprintf("%q… (%d bytes)", data[:40], len(data))
	}
	return fmt.Sprintf("%q", data)
}
