package main

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The whole program: it prints where it is, serves, and ends with 0.
func TestRun(t *testing.T) {
	key := filepath.Join(t.TempDir(), "key")
	ctx, stop := context.WithCancel(t.Context())
	var stdout, stderr bytes.Buffer
	printed := &notifier{w: &stdout, want: "Ctrl-C", seen: make(chan struct{})}
	code := make(chan int)
	go func() {
		code <- run(ctx, []string{"-addr", "localhost:0", "-chat", "localhost:0", "-key-file", key, "-log", "warn"}, printed, &stderr)
	}()
	<-printed.seen
	text := stdout.String()
	for _, want := range []string{"http://localhost:", "nc localhost ", "alice / alice-demo", "bob / bob-demo"} {
		if !strings.Contains(text, want) {
			t.Errorf("it printed %q, without %q", text, want)
		}
	}
	_, url, _ := strings.Cut(text, "page ")
	resp, err := http.Get(strings.Fields(url)[0])
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("GET /: %s", resp.Status)
	}
	if info, err := os.Stat(key); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key file: %v, %v", info, err)
	}
	stop()
	if c := <-code; c != 0 || stderr.Len() > 0 {
		t.Errorf("it ended with %d and %q, want 0 and nothing", c, &stderr)
	}
}

// A notifier tells when something has been written.
type notifier struct {
	w    *bytes.Buffer
	want string
	seen chan struct{}
}

func (n *notifier) Write(p []byte) (int, error) {
	n.w.Write(p)
	if strings.Contains(n.w.String(), n.want) {
		close(n.seen)
	}
	return len(p), nil
}

// The ready accounts, whose passwords everybody knows, are for this machine alone.
func TestReadyAccountsNeedLoopback(t *testing.T) {
	tests := []struct {
		page, line string
		want       bool
	}{
		{"127.0.0.1:80", "", true},
		{"[::1]:80", "127.0.0.1:81", true},
		{"0.0.0.0:80", "", false},
		{"[::]:80", "", false},
		{"192.0.2.1:80", "127.0.0.1:81", false},
		{"127.0.0.1:80", "192.0.2.1:81", false},
	}
	for _, test := range tests {
		got := onLoopback(listenerAt(test.page)) && onLoopback(listenerAt(test.line))
		if got != test.want {
			t.Errorf("page at %s, line chat at %q: %v, want %v", test.page, test.line, got, test.want)
		}
	}
}

// listenerAt returns a listener that only has an address, or nil.
func listenerAt(addr string) net.Listener {
	if addr == "" {
		return nil
	}
	return addrOnly{addr: net.TCPAddrFromAddrPort(netip.MustParseAddrPort(addr))}
}

type addrOnly struct {
	net.Listener
	addr net.Addr
}

func (l addrOnly) Addr() net.Addr { return l.addr }
