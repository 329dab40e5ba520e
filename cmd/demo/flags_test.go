package main

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What the one who starts it can mend: one line that says what, and exit code 2.
func TestWrongOptions(t *testing.T) {
	taken, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	badKey := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(badKey, []byte("too short"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"unknown flag", []string{"-port", "1"}, "-port"},
		{"argument", []string{"8080"}, `"8080"`},
		{"log level", []string{"-log", "loud"}, "loud"},
		{"address", []string{"-addr", "localhost"}, "missing port"},
		{"port in use", []string{"-addr", taken.Addr().String()}, "in use"},
		{"chat port in use", []string{"-addr", "localhost:0", "-chat", taken.Addr().String()}, "in use"},
		{"key file is a directory", []string{"-addr", "localhost:0", "-key-file", t.TempDir()}, "key"},
		{"key file with a bad key", []string{"-addr", "localhost:0", "-key-file", badKey}, badKey},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			if code := run(t.Context(), test.args, &stdout, &stderr); code != 2 {
				t.Errorf("exit code %d, want 2", code)
			}
			if stdout.Len() > 0 {
				t.Errorf("it printed %q", &stdout)
			}
			line := stderr.String()
			if !strings.HasPrefix(line, "demo: ") || strings.Count(line, "\n") != 1 || !strings.Contains(line, test.want) {
				t.Errorf("stderr is %q, want one line that names %q", line, test.want)
			}
		})
	}
}

func TestHelp(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"-h"}, &stdout, &stderr); code != 0 || stderr.Len() > 0 {
		t.Errorf("exit code %d and %q, want 0 and nothing", code, &stderr)
	}
	for _, name := range []string{"-addr", "-chat", "-key-file", "-log"} {
		if !strings.Contains(stdout.String(), name) {
			t.Errorf("the help does not mention %s:\n%s", name, &stdout)
		}
	}
}
