package natslayer_test

import (
	"testing"

	"github.com/sluicehq/sluice/layers/internal/groupbench"
)

// The server is a process of its own, as it would be.
func BenchmarkNATS(b *testing.B) {
	server := startProcess(b, "-1")
	groupbench.Run(b, connect(b, server.addr, nil), connect(b, server.addr, nil), server.cmd.Process.Pid)
}
