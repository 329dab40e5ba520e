package wstest

import (
	"context"
	"strings"
)

// StoreCases returns the names of TestStore's subtests, and of those among them that
// LastWriterWins skips.
func StoreCases() (names, skipped []string) {
	for _, test := range storeCases {
		names = append(names, test.name)
		if test.atomic {
			skipped = append(skipped, test.name)
		}
	}
	return names, skipped
}

// TryStore runs one subtest of TestStore and returns what it reports, "" when the
// store passes.
func TryStore(name string, store Store) string {
	for _, test := range storeCases {
		if test.name != name {
			continue
		}
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		r := &recorder{ctx: ctx}
		done := make(chan struct{})
		go func() { // ends with the subtest, by Goexit when it fails early
			defer close(done)
			newStoreSuite(nil).run(r, test, func() Store { return store })
		}()
		<-done
		if !r.Failed() {
			return ""
		}
		return strings.Join(r.log, "\n")
	}
	panic("no such case: " + name)
}
