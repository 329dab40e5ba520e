package wstest

import (
	"fmt"
	"sync/atomic"
)

// A tally counts the outcomes of cases.
type tally struct {
	passed, failed, deviations, declined, skipped atomic.Int32
}

func (n *tally) String() string {
	total := n.passed.Load() + n.failed.Load() + n.deviations.Load() + n.declined.Load() + n.skipped.Load()
	return fmt.Sprintf("%d cases: %d passed, %d failed, %d known deviations, %d declined, %d skipped",
		total, n.passed.Load(), n.failed.Load(), n.deviations.Load(), n.declined.Load(), n.skipped.Load())
}
