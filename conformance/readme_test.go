package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// lists are the columns of the table in README.md.
var lists = []string{"gorilla-server", "gorilla-client", "coder-server", "coder-client", "gws-server", "gws-client"}

// The README says what the lists do, of the versions that go.mod has.
func TestReadme(t *testing.T) {
	b, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string][]string{} // by reason
	for line := range strings.Lines(string(b)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 2+len(lists) {
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if weight, _, _ := strings.Cut(cells[1], ","); weight == "must" || weight == "should" || weight == "suite" {
			rows[cells[0]] = cells[2:]
		}
	}
	counts := map[string][]int{}
	for i, list := range lists {
		for _, reason := range load(t, list+".txt") {
			if counts[reason] == nil {
				counts[reason] = make([]int, len(lists))
			}
			counts[reason][i]++
		}
	}
	for reason, n := range counts {
		want := make([]string, len(lists))
		for i, n := range n {
			if n > 0 {
				want[i] = fmt.Sprint(n)
			}
		}
		if got := rows[reason]; strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("the row of %q has %q, the lists %q", reason, got, want)
		}
		delete(rows, reason)
	}
	for reason := range rows {
		t.Errorf("no list has %q", reason)
	}

	mod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mod)) {
		name, version, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch owner := filepath.Dir(name); owner {
		case "github.com/gorilla", "github.com/coder", "github.com/lxzan":
			if named := strings.TrimPrefix(name, "github.com/") + " " + version; !strings.Contains(string(b), named) {
				t.Errorf("README.md does not say %q", named)
			}
		}
	}
}
