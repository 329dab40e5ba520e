package conformance

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// patience is how long a case waits for a library that says nothing where it
// should: less than usual, as that happens often here, and yet much more than any
// of them takes to say something.
const patience = 10 * time.Second

// load reads a list of deviations: a line that begins with # has the reason for
// the cases in the lines behind it.
func load(t *testing.T, file string) map[string]string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	var reason string
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		if text, ok := strings.CutPrefix(line, "#"); ok {
			reason = strings.TrimSpace(text)
			continue
		}
		if line == "" {
			continue
		}
		if all[line] != "" {
			t.Errorf("%s: %q is listed twice", file, line)
		}
		all[line] = reason
	}
	return all
}
