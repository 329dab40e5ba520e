package natslayer_test

import (
	"bytes"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/layers/internal/groupbench"
	natslayer "github.com/sluicehq/sluice/layers/nats"
)

func TestMain(m *testing.M) { groupbench.Main(m) }

// runServer runs a NATS server in this process, on a free port.
func runServer(t testing.TB, change func(*server.Options)) *server.Server {
	t.Helper()
	opts := &server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true}
	if change != nil {
		change(opts)
	}
	s, err := server.NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { stopServer(s) })
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the embedded server does not come up")
	}
	return s
}

func stopServer(s *server.Server) {
	s.Shutdown()
	s.WaitForShutdown()
}

// addr is the address that s listens on.
func addr(s *server.Server) string { return s.Addr().(*net.TCPAddr).String() }

// natsServer is Debian's. It is not skipped when missing: what is shipped is
// tested against what people run.
const natsServer = "/usr/sbin/nats-server"

// A process is a nats-server that a test has started.
type process struct {
	cmd    *exec.Cmd
	addr   string
	output bytes.Buffer
	ended  func()
}

// startProcess starts nats-server on port, or when it is "-1" on a free one.
func startProcess(t testing.TB, port string) *process {
	t.Helper()
	dir := t.TempDir()
	p := &process{cmd: exec.Command(natsServer, "--addr", "127.0.0.1", "--port", port, "--ports_file_dir", dir)}
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("nats-server is needed (Debian: apt-get install nats-server): %v", err)
	}
	p.ended = sync.OnceFunc(func() { p.cmd.Wait() })
	t.Cleanup(p.kill)
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		files, _ := filepath.Glob(filepath.Join(dir, "*.ports"))
		if len(files) == 0 {
			continue
		}
		ports, err := os.ReadFile(files[0])
		if _, rest, ok := strings.Cut(string(ports), `"nats://`); err == nil && ok {
			p.addr, _, _ = strings.Cut(rest, `"`)
			return p
		}
	}
	p.kill()
	t.Fatalf("nats-server does not come up:\n%s", &p.output)
	return nil
}

// kill ends it without giving it time for anything.
func (p *process) kill() {
	p.cmd.Process.Kill()
	p.ended()
}

// connect returns a layer that is closed at the end of the test. Its log goes to
// the test's.
func connect(t testing.TB, addr string, opts *natslayer.Options) *natslayer.Layer {
	t.Helper()
	if opts == nil {
		opts = &natslayer.Options{}
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	layer, err := natslayer.Connect("nats://"+addr, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := layer.Close(); err != nil {
			t.Log(err)
		}
	})
	return layer
}

var _ channels.Layer = (*natslayer.Layer)(nil)
