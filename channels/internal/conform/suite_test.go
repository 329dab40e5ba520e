package conform_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/channels/internal/conform"
)

// Names are what deviations are listed by, and -run finds: they are unique, and
// begin with an RFC and a section.
func TestNames(t *testing.T) {
	form := regexp.MustCompile(`^(6455|7692|9110)/\d+(\.\d+)* [^/]+$`)
	for role, least := range map[conform.Role]int{conform.Server: 300, conform.Client: 300} {
		cases := conform.Cases(role)
		seen := map[string]bool{}
		first := 0
		for _, c := range cases {
			if seen[c.Name] {
				t.Errorf("two cases are called %q", c.Name)
			}
			seen[c.Name] = true
			if !form.MatchString(c.Name) {
				t.Errorf("the name %q does not begin with an RFC and a section", c.Name)
			}
			if c.First {
				first++
			}
			if c.Rule == "" {
				t.Errorf("%q has no rule", c.Name)
			}
		}
		if first != 1 {
			t.Errorf("%d cases are the first", first)
		}
		if len(cases) < least {
			t.Errorf("%d cases for role %d", len(cases), role)
		}
		t.Logf("role %d: %d cases", role, len(cases))
	}
}

// The documents say how many cases and mutants there are.
func TestReadme(t *testing.T) {
	b, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	servers, clients := len(conform.Cases(conform.Server)), len(conform.Cases(conform.Client))
	want := fmt.Sprintf("%d,%03d conformance cases for servers and %d for clients", servers/1000, servers%1000, clients)
	if !strings.Contains(string(b), want) {
		t.Errorf("README.md does not say %q", want)
	}
	if b, err = os.ReadFile("../../../docs/conformance.md"); err != nil {
		t.Fatal(err)
	}
	want = fmt.Sprintf("%d servers and %d clients with one defect each", len(serverMutants), len(clientMutants))
	if !strings.Contains(string(b), want) {
		t.Errorf("docs/conformance.md does not say %q", want)
	}
}
