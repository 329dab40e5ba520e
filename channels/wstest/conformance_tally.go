package wstest

import (
	"fmt"
	"sync/atomic"

	"github.com/sluicehq/sluice/channels/internal/conform"
)

// A verdict is how a subtest ends.
type verdict int

const (
	passed verdict = iota
	failed
	deviates
	declined
)

// judge turns the result of a case into the end of its subtest, and what it says;
// listed are those that are expected to fail, with a reason.
func judge(r conform.Result, listed bool, why string) (verdict, string) {
	switch {
	case r.Outcome == conform.Failed && listed:
		return deviates, fmt.Sprintf("a known deviation: %s\n%s", why, r.Detail)
	case r.Outcome == conform.Failed:
		return failed, "\n" + r.Detail
	case listed:
		return failed, fmt.Sprintf("listed as a deviation (%s), but it does not fail: strike it off the list", why)
	case r.Outcome == conform.Declined:
		return declined, "declined: " + r.Detail
	}
	return passed, ""
}

// A tally counts the outcomes of cases.
type tally struct {
	passed, failed, deviations, declined, skipped atomic.Int32
}

func (n *tally) String() string {
	total := n.passed.Load() + n.failed.Load() + n.deviations.Load() + n.declined.Load() + n.skipped.Load()
	return fmt.Sprintf("%d cases: %d passed, %d failed, %d known deviations, %d declined, %d skipped",
		total, n.passed.Load(), n.failed.Load(), n.deviations.Load(), n.declined.Load(), n.skipped.Load())
}
