package conform_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/channels/internal/conform"
)

// docs/protocol.md names functions, cases and tests: all of them exist.
func TestProtocolDocument(t *testing.T) {
	b, err := os.ReadFile("../../../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	cases := append(conform.Cases(conform.Server), conform.Cases(conform.Client)...)
	var tests strings.Builder
	files, err := filepath.Glob("../../*_test.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files of tests, %v", len(files), err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		tests.Write(b)
	}
	named := 0
	for line := range strings.Lines(string(b)) {
		if !strings.HasPrefix(line, "|") {
			continue
		}
		for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(line, -1) {
			name := m[1]
			named++
			file, function, isFunction := strings.Cut(name, ".go: ")
			switch {
			case isFunction:
				source, err := os.ReadFile(filepath.Join("../..", file+".go"))
				if err != nil || !regexp.MustCompile(`(?m)^func (\([^)]*\) )?`+function+`\(`).Match(source) {
					t.Errorf("there is no %s in %s.go", function, file)
				}
			case strings.HasPrefix(name, "Test"):
				if !strings.Contains(tests.String(), "func "+name+"(") {
					t.Errorf("there is no %s", name)
				}
			default:
				match, found := glob(name), false
				for _, c := range cases {
					found = found || match.MatchString(c.Name)
				}
				if !found {
					t.Errorf("there is no case %q", name)
				}
			}
		}
	}
	if named < 100 {
		t.Errorf("only %d names were found", named)
	}
}
