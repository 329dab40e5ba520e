package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestMain is the server and the client as well: the test's binary is started
// again for them, as the program is.
func TestMain(m *testing.M) {
	if role := os.Getenv(roleEnv); role != "" {
		if err := runRole(role); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	os.Setenv("GORACE", "atexit_sleep_ms=0") // each process would sleep for a second
	os.Exit(m.Run())
}

// TestQuick has every library do every kind of work, and its answers compared.
func TestQuick(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts a hundred processes")
	}
	var out strings.Builder
	if err := run([]string{"-quick"}, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"### Echo", "| 32B/text/100/16 |", "### Idle connections", "| takeover/100/16 |"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the tables have no %q:\n%s", want, out.String())
		}
	}
}

func TestScenariosHaveNamesOfTheirOwn(t *testing.T) {
	seen := make(map[string]bool)
	for _, s := range scenarios() {
		if seen[s.name] {
			t.Errorf("two scenarios are called %s", s.name)
		}
		seen[s.name] = true
		if !strings.HasPrefix(s.name, s.group.name+"/") {
			t.Errorf("%s is in the group %s", s.name, s.group.name)
		}
	}
	for _, name := range quickScenarios {
		if !seen[name] {
			t.Errorf("the quick scenario %s does not exist", name)
		}
	}
}

// The short table has rows of every group.
func TestShortScenarios(t *testing.T) {
	got := make(map[string]int)
	for _, s := range scenarios() {
		if shortScenarios.MatchString(s.name) {
			got[s.group.name]++
		}
	}
	want := map[string]int{"echo": 12, "stream": 1, "handshake": 2, "idle": 8, "broadcast": 5, "deflate": 4}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

// A row that nobody can be compared in, or where a peer's column would stay
// empty by mistake, shows here.
func TestWhoTakesPart(t *testing.T) {
	for _, tt := range []struct{ scenario, want string }{
		{"echo/32B/text/100/1", "floor gathered gorilla coder gobwas gws sluice-Conn sluice-Server sluice-Receive"},
		{"stream/1MiB/binary/100/1", "gorilla coder gobwas sluice-Conn"},
		{"handshake/bare", "floor gorilla coder gobwas gobwas-raw gws sluice-Conn sluice-Server"},
		{"handshake/gate", "sluice-Server"},
		{"idle/plain/gate", "sluice-Server sluice-parked"},
		{"idle/tls/gate", "sluice-Server sluice-parked"},
		{"broadcast/128B/18000/1/parked", "sluice-parked"},
		{"deflate/message/100/1", "gorilla coder gobwas gws sluice-Conn sluice-Server"},
		{"deflate/takeover/100/1", "coder gws sluice-Conn sluice-Server"},
	} {
		for _, s := range scenarios() {
			if s.name != tt.scenario {
				continue
			}
			var got []string
			for _, l := range s.subjects() {
				got = append(got, strings.ReplaceAll(l.name, " ", "-"))
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("%s: %q take part, want %q", tt.scenario, strings.Join(got, " "), tt.want)
			}
		}
	}
}

func TestServerThatCannotBeStarted(t *testing.T) {
	p, err := startProcess("server", 1)
	if err != nil {
		t.Fatal(err)
	}
	err = p.call("Server.Start", StartArgs{Library: "none"}, new(Started))
	if err == nil || !strings.Contains(err.Error(), `"none"`) {
		t.Errorf("Start of an unknown library: %v, want an error that names it", err)
	}
	if err := p.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
}
