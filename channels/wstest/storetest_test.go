package wstest_test

import (
	"context"
	"errors"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/channels/sessions"
	"github.com/sluicehq/sluice/channels/wstest"
)

// A badStore is a store in memory that keeps the contract, but for its flaw.
type badStore struct {
	flaw string

	mu      sync.Mutex
	rows    map[string]badRow
	version uint64
}

type badRow struct {
	data    []byte
	version uint64
	expires time.Time
}

type badConflict struct{}

func (badConflict) Error() string  { return "conflict" }
func (badConflict) Conflict() bool { return true }

func (s *badStore) has(flaw string) bool { return s.flaw == flaw }

// place is where a key is kept.
func (s *badStore) place(key string) string {
	switch {
	case s.has("ignores case"):
		return strings.ToLower(key)
	case s.has("trims spaces"):
		return strings.TrimSpace(key)
	case s.has("has short keys"):
		return key[:min(len(key), 64)]
	}
	return key
}

func (s *badStore) live(key string) (badRow, bool) {
	row, ok := s.rows[s.place(key)]
	if ok && !s.has("never expires") && !time.Now().Before(row.expires) {
		return badRow{}, false
	}
	return row, ok
}

func (s *badStore) Load(_ context.Context, key string) ([]byte, uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	row, ok := s.live(key)
	switch {
	case !ok && s.has("fails on nothing"):
		return nil, 0, errors.New("not found")
	case !ok && s.has("returns data of nothing"):
		return []byte{}, 0, nil
	case !ok:
		return nil, 0, nil
	case s.has("counts versions by itself"):
		return row.data, row.version + 1, nil
	}
	return row.data, row.version, nil
}

func (s *badStore) LoadMany(_ context.Context, keys []string) (map[string][]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.has("refuses to load none") && len(keys) == 0 {
		return nil, errors.New("no keys")
	}
	found := map[string][]byte{}
	for _, key := range keys {
		row, ok := s.live(key)
		if s.has("forgets in LoadMany that sessions end") {
			row, ok = s.rows[s.place(key)]
		}
		if ok {
			found[key] = row.data
		}
	}
	switch {
	case s.has("loads half of many") && len(keys) > 0:
		delete(found, keys[len(keys)-1])
	case s.has("loads all"):
		for key, row := range s.rows {
			found[key] = row.data
		}
	}
	return found, nil
}

func (s *badStore) Save(_ context.Context, key string, data []byte, version uint64, expires time.Time) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	row, ok := s.live(key)
	if s.has("looks, then writes") || s.has("looks, then creates") && version == 0 {
		s.mu.Unlock()
		for range 20 {
			runtime.Gosched() // for somebody else to come between
		}
		time.Sleep(time.Microsecond)
		s.mu.Lock()
	}
	if err := s.check(key, row, ok, version); err != nil {
		return 0, err
	}
	next := badRow{append([]byte{}, data...), s.next(row, version, data), expires}
	switch {
	case s.has("keeps the slice"):
		next.data = data
	case s.has("stores text"):
		next.data = []byte(strings.ToValidUTF8(string(data), "?"))
	case s.has("truncates"):
		next.data = next.data[:min(len(data), 65_535)]
	case s.has("keeps the first end") && ok:
		next.expires = row.expires
	case s.has("counts in minutes"):
		next.expires = expires.Truncate(time.Minute).Add(time.Minute)
	case s.has("takes the end for a distance"):
		next.expires = time.Now().Add(time.Until(expires) / 1000)
	}
	if s.rows == nil {
		s.rows = map[string]badRow{}
	}
	s.rows[s.place(key)] = next
	return next.version, nil
}

func (s *badStore) check(key string, row badRow, ok bool, version uint64) error {
	conflict := error(badConflict{})
	if s.has("has plain errors") {
		conflict = errors.New("conflict")
	}
	if _, there := s.rows[s.place(key)]; there && !ok && s.has("updates what has expired") && version != 0 {
		return nil
	}
	switch {
	case version == 0 && ok && !s.has("replaces when it creates"):
		return conflict
	case version != 0 && !ok && !s.has("brings back what was deleted"):
		return conflict
	case version != 0 && ok && row.version != version && !s.has("loses updates"):
		return conflict
	}
	return nil
}

// next returns the version of what is saved.
func (s *badStore) next(row badRow, version uint64, data []byte) uint64 {
	s.version++
	switch {
	case s.has("counts each row"):
		return row.version + 1
	case s.has("keeps its version") && version != 0:
		return version
	case s.has("takes the length for a version"):
		return uint64(len(data)) + 1
	}
	return s.version
}

func (s *badStore) Delete(_ context.Context, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.rows[s.place(key)]
	switch {
	case !ok && s.has("fails to delete nothing"):
		return errors.New("not found")
	case s.has("deletes all"):
		clear(s.rows)
	case !s.has("deletes nothing"):
		delete(s.rows, s.place(key))
	}
	return nil
}

func TestGoodStore(t *testing.T) {
	t.Parallel() // it waits
	wstest.TestStore(t, func(*testing.T) wstest.Store { return &badStore{} }, nil)
}

// Each of these stores breaks one rule. The subtest that is about the rule must fail
// and say so.
func TestBadStores(t *testing.T) {
	tests := []struct{ flaw, fails, says string }{
		{"fails on nothing", "nothing", "not found"},
		{"returns data of nothing", "nothing", "want nil, 0, nil"},
		{"fails to delete nothing", "nothing", "Delete: not found"},
		{"counts versions by itself", "save and load", "Save returned"},
		{"keeps its version", "save and load", "it is another one"},
		{"takes the length for a version", "save and load", "it is another one"},
		{"replaces when it creates", "create once", "of version 0 where there is something was not refused"},
		{"has plain errors", "create once", "needs a method Conflict() bool"},
		{"loses updates", "stale version", "of a version that was replaced was not refused"},
		{"deletes nothing", "deleted", "want nil, 0, nil"},
		{"deletes all", "deleted", "Load finds nothing"},
		{"brings back what was deleted", "deleted stays deleted", "of what was deleted was not refused"},
		{"counts each row", "versions are not reused", "of what was deleted before was not refused"},
		{"never expires", "expired", "want nil, 0, nil"},
		{"updates what has expired", "expired", "of what has expired was not refused"},
		{"counts in minutes", "expires in time", "still there 3s after its end"},
		{"takes the end for a distance", "expires in time", "before its end"},
		{"keeps the first end", "end moves", "want nil, 0, nil"},
		{"stores text", "any data", "Load finds"},
		{"truncates", "any data", "(65535 bytes)"},
		{"keeps the slice", "data is copied", `Load finds "gone"`},
		{"ignores case", "keys are apart", "conflict"},
		{"trims spaces", "keys are apart", "want nil, 0, nil"},
		{"has short keys", "keys are apart", "conflict"},
		{"refuses to load none", "many at once", "of no key: 0 sessions, no keys"},
		{"forgets in LoadMany that sessions end", "many at once", "finds 5 sessions, want 4"},
		{"loads half of many", "many at once", `"" under a key where "last" is`},
		{"loads all", "many at once", "finds 6 sessions, want 4"},
		{"looks, then creates", "one creates", "of 8 created the key, want 1"},
		{"looks, then writes", "no lost update", "after 80 increments the number is"},
		{"looks, then writes", "delete wins", "want nil, 0, nil"},
	}
	tried := map[string]bool{}
	for _, test := range tests {
		tried[test.fails] = true
		t.Run(test.flaw+"/"+test.fails, func(t *testing.T) {
			report := inBubbleIf(t, test.fails == "expires in time", func() string {
				return wstest.TryStore(test.fails, &badStore{flaw: test.flaw})
			})
			if !strings.Contains(report, test.says) {
				t.Errorf("the report is %q, want it to contain %q", report, test.says)
			}
			if report != "" && !strings.Contains(report, "the rule: ") {
				t.Errorf("the report does not tell the rule: %q", report)
			}
		})
	}
	names, _ := wstest.StoreCases()
	if diff := cmp.Diff(slices.Sorted(slices.Values(names)), slices.Sorted(maps.Keys(tried))); diff != "" {
		t.Errorf("rules and rules that a store here breaks (-want +got):\n%s", diff)
	}
}

// inBubbleIf runs f, in fake time if that is what it waits for.
func inBubbleIf(t *testing.T, waits bool, f func() string) (report string) {
	if !waits {
		return f()
	}
	synctest.Test(t, func(*testing.T) { report = f() })
	return report
}

// The stores of this module.

func TestMemoryStore(t *testing.T) {
	t.Parallel() // it waits
	wstest.TestStore(t, func(*testing.T) wstest.Store { return &sessions.MemoryStore{} }, nil)
}

// An scsMap is a store as those of scs are.
type scsMap struct {
	mu   sync.Mutex
	rows map[string]badRow
}

func (m *scsMap) Find(token string) ([]byte, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	row, ok := m.rows[token]
	return row.data, ok && time.Now().Before(row.expires), nil
}

func (m *scsMap) Commit(token string, b []byte, expiry time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rows[token] = badRow{data: b, expires: expiry} // keeps the slice, as scs's own does
	return nil
}

func (m *scsMap) Delete(token string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.rows, token)
	return nil
}

func TestSCSStore(t *testing.T) {
	t.Parallel() // it waits
	store := sessions.FromSCS(&scsMap{rows: map[string]badRow{}})
	wstest.TestStore(t, func(*testing.T) wstest.Store { return store }, &wstest.StoreOptions{LastWriterWins: true})

	_, skipped := wstest.StoreCases()
	want := []string{"versions are not reused", "one creates", "no lost update", "delete wins"}
	if diff := cmp.Diff(want, skipped); diff != "" {
		t.Errorf("skipped where the last writer wins (-want +got):\n%s", diff)
	}
}

// In a package's tests it is called from a function TestMyStore(t *testing.T).
func ExampleTestStore() {
	var t *testing.T
	wstest.TestStore(t, func(t *testing.T) wstest.Store { return &sessions.MemoryStore{} }, nil)
}
