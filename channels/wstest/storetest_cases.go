package wstest

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
)

var storeCases = []storeCase{
	{"nothing", "a key that was never saved has no data, which is no error", storeNothing, false},
	{"save and load", "what was saved last is there, with the version that Save returned", storeSaveLoad, false},
	{"create once", "version 0 creates, and never replaces: somebody else's session would be lost", storeCreateOnce, false},
	{"stale version", "a version that was replaced is not saved upon: the change between would be lost", storeStale, false},
	{"deleted", "what was deleted is not there, and deleting it again is no error", storeDeleted, false},
	{"deleted stays deleted", "a slow request must not bring back a session that was logged out", storeResurrection, false},
	{"versions are not reused", "a version from before a deletion must not fit what was made after it", storeReuse, true},
	{"expired", "from its end on a session is not there, for Load and for Save", storeExpired, false},
	{"expires in time", "a session lives until its end and no longer", storeExpiresInTime, false},
	{"end moves", "each Save gives the session a new end", storeEndMoves, false},
	{"any data", "data is bytes, up to 262,144 of them", storeAnyData, false},
	{"data is copied", "the slice given to Save is the caller's again when Save returns", storeDataCopied, false},
	{"keys are apart", "keys are compared byte for byte, also where letters differ in case only", storeKeys, false},
	{"many at once", "a store that has LoadMany finds with it what Load finds, and nothing else", storeMany, false},
	{"one creates", "of many who create the same key at once one succeeds", storeOneCreates, true},
	{"no lost update", "of many who save the same version at once one succeeds, so that nothing is lost", storeNoLostUpdate, true},
	{"delete wins", "whatever saves are under way while a session is deleted, it is not there afterwards", storeDeleteWins, true},
}

// storeMany is about sessions.BatchStore, which few are.
func storeMany(r *storeRun) {
	batch, ok := r.store.(interface {
		LoadMany(ctx context.Context, keys []string) (map[string][]byte, error)
	})
	if !ok {
		return
	}
	keys := make([]string, 1000)
	for i := range keys {
		keys[i] = r.key()
	}
	there := map[string]string{keys[0]: "first", keys[499]: "", keys[500]: "\x00\xff", keys[999]: "last"}
	for key, data := range there {
		r.save(key, data, 0, soon())
	}
	r.save(keys[7], "over", 0, time.Now().Add(-time.Second))
	r.save(r.key(), "not asked for", 0, soon())
	r.save(keys[8], "ended", 0, soon())
	r.delete(keys[8])
	found, err := batch.LoadMany(r.Context(), keys)
	if err != nil {
		r.Fatalf("LoadMany: %v", err)
	}
	for key, data := range there {
		if got, ok := found[key]; !ok || string(got) != data {
			r.Errorf("LoadMany finds %s under a key where %s is", quote(got), quote([]byte(data)))
		}
	}
	if len(found) != len(there) {
		r.Errorf("LoadMany finds %d sessions, want %d: none that has expired, was deleted, or was not asked for", len(found), len(there))
	}
	if found, err := batch.LoadMany(r.Context(), nil); err != nil || len(found) > 0 {
		r.Errorf("LoadMany of no key: %d sessions, %v", len(found), err)
	}
}

func storeNothing(r *storeRun) {
	key := r.key()
	r.wantNothing(key)
	r.delete(key)
	r.conflicts("of version 1 where there is nothing", key, "x", 1)
	r.wantNothing(key)
}

func storeSaveLoad(r *storeRun) {
	key, other := r.key(), r.key()
	v := r.save(key, "one", 0, soon())
	r.want(key, "one", v)
	seen := map[uint64]bool{v: true}
	for i := range 5 {
		data := fmt.Sprint("next ", i)
		v = r.save(key, data, v, soon())
		r.want(key, data, v)
		if seen[v] {
			r.Errorf("version %d was there before", v)
		}
		seen[v] = true
	}
	r.wantNothing(other)
}

func storeCreateOnce(r *storeRun) {
	key := r.key()
	v := r.save(key, "first", 0, soon())
	r.conflicts("of version 0 where there is something", key, "second", 0)
	r.want(key, "first", v)
}

func storeStale(r *storeRun) {
	key := r.key()
	v1 := r.save(key, "one", 0, soon())
	v2 := r.save(key, "two", v1, soon())
	r.conflicts("of a version that was replaced", key, "three", v1)
	r.want(key, "two", v2)
	r.conflicts("of a version that never was", key, "three", v2+1)
	r.want(key, "two", v2)
}

func storeDeleted(r *storeRun) {
	key, other := r.key(), r.key()
	r.save(key, "one", 0, soon())
	v := r.save(other, "other", 0, soon())
	r.delete(key)
	r.wantNothing(key)
	r.delete(key)
	r.wantNothing(key)
	r.want(other, "other", v)
}

func storeResurrection(r *storeRun) {
	key := r.key()
	v := r.save(key, "one", 0, soon())
	r.delete(key)
	r.conflicts("of what was deleted", key, "two", v)
	r.wantNothing(key)
}

func storeReuse(r *storeRun) {
	key := r.key()
	v1 := r.save(key, "same", 0, soon())
	r.delete(key)
	v2 := r.save(key, "same", 0, soon())
	r.conflicts("of the version of what was deleted before", key, "old", v1)
	r.want(key, "same", v2)
	v3 := r.save(key, "same", v2, soon())
	r.conflicts("of a version that was replaced by the same data", key, "old", v2)
	r.want(key, "same", v3)
}

func storeExpired(r *storeRun) {
	past := time.Now().Add(-2 * time.Second)
	key := r.key()
	v := r.save(key, "over", 0, past)
	r.wantNothing(key)
	r.conflicts("of what has expired", key, "again", v)
	r.wantNothing(key)
	v = r.save(key, "new", 0, soon())
	r.want(key, "new", v)
	r.delete(key)
	r.wantNothing(key)
}

// storeExpiresInTime waits, for the store's clock may be that of a database. The end
// is a whole second, as it is in sessions: some databases count in nothing less.
func storeExpiresInTime(r *storeRun) {
	const early, late = 200 * time.Millisecond, 3 * time.Second
	keep, brief := r.key(), r.key()
	v := r.save(keep, "stays", 0, time.Now().Add(400*24*time.Hour))
	end := time.Now().Truncate(time.Second).Add(2 * time.Second)
	r.save(brief, "brief", 0, end)
	for {
		asked := time.Now()
		_, version, err := r.store.Load(r.Context(), brief)
		switch {
		case err != nil:
			r.Fatalf("Load: %v", err)
		case version == 0 && asked.Before(end.Add(-early)):
			r.Fatalf("gone %v before its end", end.Sub(asked))
		case version != 0 && asked.After(end.Add(late)):
			r.Fatalf("still there %v after its end", late)
		case version == 0:
			r.want(keep, "stays", v)
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func storeEndMoves(r *storeRun) {
	key := r.key()
	v := r.save(key, "one", 0, soon())
	r.save(key, "two", v, time.Now().Add(-2*time.Second))
	r.wantNothing(key)

	key = r.key()
	v = r.save(key, "one", 0, time.Now().Add(20*time.Second))
	v = r.save(key, "two", v, soon())
	r.want(key, "two", v)
}

func storeAnyData(r *storeRun) {
	var every strings.Builder
	for i := range 256 {
		every.WriteByte(byte(i))
	}
	for _, data := range []string{
		every.String(), "\x00", " spaces \r\n", "\xff\xfe", "", strings.Repeat("x", 256<<10),
	} {
		key := r.key()
		v := r.save(key, data, 0, soon())
		r.want(key, data, v)
	}
}

func storeDataCopied(r *storeRun) {
	key, data := r.key(), []byte("mine")
	v, err := r.store.Save(r.Context(), key, data, 0, soon())
	if err != nil {
		r.Fatalf("Save: %v", err)
	}
	copy(data, "gone")
	r.want(key, "mine", v)
}

func storeKeys(r *storeRun) {
	base := "session:" + strings.Repeat("a", 42)
	tail := r.key()[8:] // so that the keys are new
	keys := []string{base + tail, base + strings.ToLower(tail), base + tail + "_", base + tail[:42], base + tail[:42] + "-"}
	versions := make([]uint64, len(keys))
	for i, key := range keys {
		versions[i] = r.save(key, "data of "+strconv.Itoa(i), 0, soon())
	}
	for i, key := range keys {
		r.want(key, "data of "+strconv.Itoa(i), versions[i])
	}
	for _, key := range []string{base + tail + " ", " " + base + tail, base + strings.ToUpper(tail)[:42] + "%"} {
		r.wantNothing(key)
	}
}

// together calls f in n goroutines at once and waits for all.
func together(n int, f func(i int)) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	wg.Wait()
}

const (
	storeRounds  = 10
	storeWriters = 8
)

func storeOneCreates(r *storeRun) {
	for range storeRounds {
		key := r.key()
		versions := make([]uint64, storeWriters)
		together(storeWriters, func(i int) {
			v, err := r.store.Save(r.Context(), key, []byte(strconv.Itoa(i)), 0, soon())
			switch {
			case err == nil:
				versions[i] = v
			case !isConflict(err):
				r.Errorf("Save of version 0: %v", err)
			}
		})
		created := 0
		for i, v := range versions {
			if v != 0 {
				created++
				r.want(key, strconv.Itoa(i), v)
			}
		}
		if created != 1 {
			r.Fatalf("%d of %d created the key, want 1", created, storeWriters)
		}
	}
}

func storeNoLostUpdate(r *storeRun) {
	key := r.key()
	r.save(key, "0", 0, soon())
	together(storeWriters, func(int) {
		for range storeRounds {
			if err := r.increment(key); err != nil {
				r.Errorf("%v", err)
				return
			}
		}
	})
	data, _, err := r.store.Load(r.Context(), key)
	if want := strconv.Itoa(storeWriters * storeRounds); err != nil || string(data) != want {
		r.Errorf("after %s increments the number is %q (%v)", want, data, err)
	}
}

// increment adds one to a number, however often somebody is faster.
func (r *storeRun) increment(key string) error {
	for range 1000 {
		data, version, err := r.store.Load(r.Context(), key)
		if err != nil {
			return fmt.Errorf("load: %w", err)
		}
		n, err := strconv.Atoi(string(data))
		if err != nil {
			return fmt.Errorf("load finds %q", data)
		}
		_, err = r.store.Save(r.Context(), key, []byte(strconv.Itoa(n+1)), version, soon())
		if err == nil {
			return nil
		}
		if !isConflict(err) {
			return fmt.Errorf("save: %w", err)
		}
	}
	return fmt.Errorf("a thousand conflicts in a row: nobody can save")
}

func storeDeleteWins(r *storeRun) {
	for range storeRounds {
		key := r.key()
		v := r.save(key, "x", 0, soon())
		together(storeWriters, func(i int) {
			if i == 0 {
				r.delete(key)
				return
			}
			if _, err := r.store.Save(r.Context(), key, []byte("y"), v, soon()); err != nil && !isConflict(err) {
				r.Errorf("Save: %v", err)
			}
		})
		r.wantNothing(key)
	}
}
