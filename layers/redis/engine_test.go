package redislayer_test

import (
	"bytes"
	"log/slog"
	"net"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/layers/internal/faults"
	"github.com/sluicehq/sluice/layers/internal/groupbench"
	redislayer "github.com/sluicehq/sluice/layers/redis"
)

func TestMain(m *testing.M) { groupbench.Main(m) }

// redisServer is Debian's. A test fails, not skips, when it is missing: what is
// shipped is tested against what people run.
const redisServer = "/usr/bin/redis-server"

// A process is a redis-server that a test has started.
type process struct {
	cmd    *exec.Cmd
	socket string
	output bytes.Buffer
	ended  func()
}

// startProcess starts a redis-server that listens on a socket in the file system,
// so that no port need be chosen, and keeps nothing.
func startProcess(t testing.TB, args ...string) *process {
	t.Helper()
	p := newProcess(t, append([]string{"--port", "0"}, args...)...)
	p.await(t, "unix", p.socket)
	return p
}

func newProcess(t testing.TB, args ...string) *process {
	t.Helper()
	dir := t.TempDir()
	p := &process{socket: filepath.Join(dir, "redis.sock")}
	p.cmd = exec.Command(redisServer, append([]string{"--unixsocket", p.socket, "--dir", dir, "--save", "", "--appendonly", "no"}, args...)...)
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("redis-server is needed (Debian: apt-get install redis-server): %v", err)
	}
	p.ended = sync.OnceFunc(func() { p.cmd.Wait() })
	t.Cleanup(p.kill)
	return p
}

// await returns when the server takes connections.
func (p *process) await(t testing.TB, network, addr string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if conn, err := net.Dial(network, addr); err == nil {
			conn.Close()
			return
		}
	}
	p.kill()
	t.Fatalf("redis-server does not come up:\n%s", &p.output)
}

// kill ends it without giving it time for anything.
func (p *process) kill() {
	p.cmd.Process.Kill()
	p.ended()
}

// front returns a proxy for the server.
func (p *process) front(t testing.TB) *faults.Proxy {
	return faults.StartProxy(t, "unix", p.socket)
}

// connect returns a layer that is closed at the end of the test. Its log goes to
// the test's.
func connect(t testing.TB, addr string, opts *redislayer.Options) *redislayer.Layer {
	t.Helper()
	if opts == nil {
		opts = &redislayer.Options{}
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	layer, err := redislayer.Connect("redis://"+addr, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := layer.Close(); err != nil {
			t.Error(err)
		}
	})
	return layer
}

// impatient gives up a connection that is silent after a fifth of a second.
func impatient(o *rueidis.ClientOption) {
	o.ConnWriteTimeout = 200 * time.Millisecond
	o.Dialer.KeepAlive = 100 * time.Millisecond
	o.Dialer.Timeout = 200 * time.Millisecond
}

var _ channels.Layer = (*redislayer.Layer)(nil)
