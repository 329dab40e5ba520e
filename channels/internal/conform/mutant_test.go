package conform_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/channels/internal/conform"
)

// mutantLimit is the message limit of mutants: what is larger takes time, and has
// 64-bit lengths already.
const mutantLimit = 70_000

// A mutant is the reference with one defect, and the cases that must fail because
// of it, and no others: patterns in which * stands for anything. One that begins
// with ! takes away again.
type mutant struct {
	defect string
	fails  []string
}

var serverMutants = slices.Concat(handshakeMutants, frameMutants, textMutants, closeMutants, deflateMutants)

// Each defect of the reference server is found by the cases that are about it, and
// by no others.
func TestServerMutants(t *testing.T) {
	suite := func() *conform.Suite {
		return &conform.Suite{MessageLimit: mutantLimit, RequireCompression: true}
	}
	cases := conform.Cases(conform.Server)
	right := judgeServer(t, &refServer{limit: mutantLimit, deflate: true}, suite(), cases)
	t.Logf("%d mutants, %d cases", len(serverMutants), len(cases))
	for _, m := range serverMutants {
		t.Run(m.defect, func(t *testing.T) {
			t.Parallel()
			want := m.expected(t, cases)
			server := &refServer{limit: mutantLimit, deflate: true, defect: m.defect}
			compare(t, want, right, judgeServer(t, server, suite(), sample(cases, want)))
		})
	}
}

// expected returns the names of the cases that must fail.
func (m mutant) expected(t *testing.T, cases []conform.Case) map[string]bool {
	t.Helper()
	want := map[string]bool{}
	for _, pattern := range m.fails {
		pattern, without := strings.CutPrefix(pattern, "!")
		match := glob(pattern)
		matched := false
		for _, c := range cases {
			if match.MatchString(c.Name) {
				matched = true
				if without {
					delete(want, c.Name)
				} else {
					want[c.Name] = true
				}
			}
		}
		if !matched {
			t.Errorf("%q is no case", pattern)
		}
	}
	return want
}

// sample returns all cases; with the race detector, which makes all of them take
// minutes, those that must fail and some others.
func sample(cases []conform.Case, want map[string]bool) []conform.Case {
	if !race && !testing.Short() {
		return cases
	}
	var some []conform.Case
	for i, c := range cases {
		if want[c.Name] && (len(want) < 50 || i%5 == 0) || i%20 == 0 {
			some = append(some, c)
		}
	}
	return some
}

// compare holds what failed against what was to fail.
func compare(t *testing.T, want map[string]bool, right, got map[string]conform.Result) {
	t.Helper()
	failures := 0
	for name, r := range got {
		switch {
		case want[name] && r.Outcome == conform.Passed:
			t.Errorf("%s passes", name)
		case want[name] && r.Outcome == conform.Declined && right[name].Outcome == conform.Passed:
			t.Errorf("%s is declined: %s", name, r.Detail)
		case !want[name] && r.Outcome == conform.Failed:
			t.Errorf("%s fails:\n%s", name, r.Detail)
		}
		if r.Outcome == conform.Failed {
			failures++
		}
	}
	if failures == 0 {
		t.Error("nothing fails")
	}
}

// glob compiles a pattern in which * stands for anything.
func glob(pattern string) *regexp.Regexp {
	parts := strings.Split(pattern, "*")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return regexp.MustCompile("^" + strings.Join(parts, ".*") + "$")
}
