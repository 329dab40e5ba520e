package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for what must happen soon.
const patience = 20 * time.Second

var demoBinary string

func TestMain(m *testing.M) {
	if os.Getenv(http2Role) != "" {
		serveHTTP2()
		return
	}
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "sluice-e2e-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		demoBinary = filepath.Join(dir, "demo")
		build := exec.Command("go", "build", "-o", demoBinary, "./cmd/demo")
		build.Dir = ".."
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build the demo: %v\n%s", err, out)
			return 1
		}
		defer func() { endChromium() }()
		return m.Run()
	}())
}

// A demo is the program, running.
type demo struct {
	URL  string // http://localhost:PORT/
	Chat string // localhost:PORT of the line chat
	Log  *recorder

	process *exec.Cmd
	done    chan struct{} // closed when the process has ended
	killed  bool
}

// startDemo starts the program and waits until it has printed where it listens.
// It is stopped at the end of the test.
func startDemo(t *testing.T, args ...string) *demo {
	t.Helper()
	if len(args) == 0 {
		args = []string{"-addr", "localhost:0", "-chat", "localhost:0"}
	}
	d := &demo{Log: &recorder{}, done: make(chan struct{})}
	d.process = exec.Command(demoBinary, args...)
	d.process.Stderr = d.Log
	stdout, err := d.process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		d.stop(t)
		if t.Failed() {
			t.Logf("the demo's log:\n%s", d.Log)
		}
	})

	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if i := strings.Index(lines.Text(), "http://"); i >= 0 && d.URL == "" {
			d.URL = strings.Fields(lines.Text()[i:])[0]
		}
		if _, addr, ok := strings.Cut(lines.Text(), "nc "); ok {
			d.Chat = strings.Join(strings.Fields(addr), ":")
		}
		if strings.Contains(lines.Text(), "Ctrl-C") {
			break
		}
	}
	if d.URL == "" {
		t.Fatalf("the demo printed no URL; its log:\n%s", d.Log)
	}
	go func() { // ended by the process, waited for in stop
		defer close(d.done)
		io.Copy(io.Discard, stdout)
		d.process.Wait()
	}()
	return d
}

// stop sends SIGTERM and wants the exit code 0.
func (d *demo) stop(t *testing.T) {
	t.Helper()
	d.process.Process.Signal(syscall.SIGTERM)
	select {
	case <-d.done:
	case <-time.After(patience):
		d.process.Process.Kill()
		<-d.done
		t.Errorf("the demo did not stop within %v of SIGTERM", patience)
	}
	if code := d.process.ProcessState.ExitCode(); code != 0 && !d.killed {
		t.Errorf("the demo stopped with exit code %d, want 0", code)
	}
}

// kill ends the process without a word.
func (d *demo) kill() {
	d.killed = true
	d.process.Process.Kill()
	<-d.done
}

// socketURL returns the ws:// address of a path.
func (d *demo) socketURL(path string) string {
	return strings.Replace(d.URL, "http://", "ws://", 1) + strings.TrimPrefix(path, "/")
}

// origin is what a browser sends for the demo's own page.
func (d *demo) origin() string { return strings.TrimSuffix(d.URL, "/") }

// login logs in without a browser, and returns the Cookie header of the session.
func (d *demo) login(t *testing.T, name, password string) string {
	t.Helper()
	jar, _ := cookiejar.New(nil)
	client := &http.Client{Jar: jar, Timeout: patience}
	form := url.Values{"username": {name}, "password": {password}}
	resp, err := client.PostForm(d.URL+"login", form)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("log in as %s: %s", name, resp.Status)
	}
	u, _ := url.Parse(d.URL)
	var cookies []string
	for _, c := range jar.Cookies(u) {
		cookies = append(cookies, c.Name+"="+c.Value)
	}
	if len(cookies) == 0 {
		t.Fatal("the login set no cookie")
	}
	return strings.Join(cookies, "; ")
}

// run runs a client to its end and returns what it printed.
func run(t *testing.T, stdin io.Reader, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = stdin, &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", name, err, out, &stderr)
	}
	return string(out)
}

// A recorder keeps what a process writes.
type recorder struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (r *recorder) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.Write(p)
}

func (r *recorder) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.String()
}
