package redislayer_test

import (
	"testing"

	"github.com/sluicehq/sluice/layers/internal/groupbench"
)

// The server is a process of its own, as it would be, on a port like that of
// others: a proxy, or a socket in the file system, would be measured too.
func BenchmarkRedis(b *testing.B) {
	port := freePort(b)
	server := newProcess(b, "--bind", "127.0.0.1", "--port", port)
	server.await(b, "tcp", "127.0.0.1:"+port)
	groupbench.Run(b, connect(b, "127.0.0.1:"+port, nil), connect(b, "127.0.0.1:"+port, nil), server.cmd.Process.Pid)
}
