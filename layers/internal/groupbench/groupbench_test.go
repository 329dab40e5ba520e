package groupbench_test

import (
	"testing"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/layers/internal/groupbench"
)

func TestMain(m *testing.M) { groupbench.Main(m) }

func BenchmarkMemory(b *testing.B) {
	var layer channels.MemoryLayer
	groupbench.Run(b, &layer, &layer, 0)
}
