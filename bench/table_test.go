package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSection(t *testing.T) {
	g := &group{name: "echo", title: "Echo", note: "A note.", tables: []table{costTable("CPU, µs", 1), allocsTable}}
	peer := func(l library, cost ...float64) *result {
		return &result{library: l, cost: cost, allocs: []float64{1, 1, 1}}
	}
	ours := library{name: "sluice", ours: true}
	restore := libraries
	libraries = []library{gorillaLibrary, coderLibrary, ours}
	defer func() { libraries = restore }()
	rows := []row{
		{scenario{name: "echo/a"}, []*result{peer(gorillaLibrary, 4, 5, 6), peer(coderLibrary, 10, 11, 12), peer(ours, 2, 2.5, 3)}},
		{scenario{name: "echo/b"}, []*result{peer(ours, 1, 1, 1)}},
	}
	const want = `### Echo

A note.

*then*

CPU, µs:

| scenario | gorilla | coder | sluice | best peer | sluice : best peer |
|---|--:|--:|--:|--:|--:|
| a | 5.0 (1.0) | 11.0 (1.0) | 2.5 (0.5) | gorilla | **0.50** (0.50–0.50) |
| b | – | – | 1.0 (0.0) | – | – |

Allocations:

| scenario | gorilla | coder | sluice |
|---|--:|--:|--:|
| a | 1.00 | 1.00 | 1.00 |
| b | – | – | 1.00 |
`
	if diff := cmp.Diff(want, section(g, rows, "*then*")); diff != "" {
		t.Errorf("section (-want +got):\n%s", diff)
	}
}

func TestWriteSection(t *testing.T) {
	path := filepath.Join(t.TempDir(), "README.md")
	const before = "a\n<!-- begin echo -->\nold\n<!-- end echo -->\nb\n"
	if err := os.WriteFile(path, []byte(before), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := writeSection(path, "echo", "new\n"); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const want = "a\n<!-- begin echo -->\nnew\n<!-- end echo -->\nb\n"
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("README (-want +got):\n%s", diff)
	}
	if err := writeSection(path, "idle", "new\n"); err == nil {
		t.Error("a section that is not there was written")
	}
}

// Every group has its place in the README.
func TestReadmeHasEverySection(t *testing.T) {
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "README.md")
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, s := range scenarios() {
		if err := writeSection(path, s.group.name, ""); err != nil {
			t.Error(err)
		}
	}
	if err := writeSection(path, microName, ""); err != nil {
		t.Error(err)
	}
}
