package natslayer_test

import (
	"testing"

	"github.com/sluicehq/sluice/layers/internal/groupbench"
)

// The server is a process of its own, as it would be.
func BenchmarkNATS(b *testing.B) {
	target := startProcess(b, "-1").addr
	groupbench.Run(b, connect(b, target, nil), connect(b, target, nil))
}
