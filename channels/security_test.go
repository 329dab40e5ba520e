package channels_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// hostileInputs is how many rows each list of docs/security.md has.
var hostileInputs = []struct {
	letter string
	rows   int
}{{"H", 48}, {"C", 53}, {"T", 18}, {"F", 34}, {"R", 17}, {"A", 35}, {"L", 10}}

var (
	rowRE       = regexp.MustCompile(`(?m)^\| ([HCTFRAL]\d+) `)
	referenceRE = regexp.MustCompile("`(?:([a-z0-9/]+): )?((?:Test|Fuzz|Example)[A-Z]\\w*)`")
	defaultRE   = regexp.MustCompile("Tests without a directory are in `([a-z0-9/]+)`")
	functionRE  = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Example)\w+)\(`)
)

// docs/security.md names every hostile input once, and no test that does not exist.
func TestSecurityDocument(t *testing.T) {
	text, err := os.ReadFile("../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	named := make(map[string]int)
	for _, m := range rowRE.FindAllSubmatch(text, -1) {
		named[string(m[1])]++
	}
	for _, list := range hostileInputs {
		for i := range list.rows {
			row := fmt.Sprintf("%s%d", list.letter, i+1)
			if named[row] != 1 {
				t.Errorf("%s is there %d times, want once", row, named[row])
			}
			delete(named, row)
		}
	}
	for row := range named {
		t.Errorf("there is no %s in the lists", row)
	}

	dir, references := "", 0
	exists := make(map[string]map[string]bool) // by directory
	for i, line := range strings.Split(string(text), "\n") {
		if m := defaultRE.FindStringSubmatch(line); m != nil {
			dir = m[1]
		}
		for _, m := range referenceRE.FindAllStringSubmatch(line, -1) {
			from := m[1]
			if from == "" {
				from = dir
			}
			if exists[from] == nil {
				exists[from] = testsIn(t, from)
			}
			references++
			// A nested module is not part of a download of this one.
			if len(exists[from]) > 0 && !exists[from][m[2]] {
				t.Errorf("docs/security.md:%d: there is no %s in %s", i+1, m[2], from)
			}
		}
	}
	if references < 200 {
		t.Errorf("found %d references to tests, want hundreds: is the form another one?", references)
	}
}

// testsIn returns the tests of a directory of the repository; none if it is not
// there.
func testsIn(t *testing.T, dir string) map[string]bool {
	files, err := filepath.Glob(filepath.Join("..", dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	tests := make(map[string]bool)
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range functionRE.FindAllSubmatch(b, -1) {
			tests[string(m[1])] = true
		}
	}
	if _, err := os.Stat(filepath.Join("..", dir)); len(tests) == 0 && err == nil {
		t.Errorf("there are no tests in %s", dir)
	}
	return tests
}

// L9: no package registers handlers that show what is inside.
func TestNoDebugHandlers(t *testing.T) {
	parsed := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		parsed++
		for _, spec := range f.Imports {
			if p := spec.Path.Value; p == `"net/http/pprof"` || p == `"expvar"` {
				t.Errorf("%s imports %s", path, p)
			}
		}
		return nil
	})
	if err != nil || parsed < 50 {
		t.Errorf("parsed %d files, %v", parsed, err)
	}
}
