package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/sluicehq/sluice/bench/internal/gobench"
)

// A baseline has the allocations per operation that each benchmark may need.
type baseline map[string]int64

// allows reports whether n allocations are within the limit: exactly, or, where an
// operation needs hundreds because it drives many goroutines, whose order differs
// from run to run, within one in a hundred. A run of a few operations, which take
// milliseconds each, has some more: a collection empties the pools under it.
func (b baseline) allows(r gobench.Result) bool {
	limit, ok := b[key(r)]
	if r.N < fewOperations {
		limit += refilled
	}
	return !ok || r.Allocs <= limit+limit/100
}

const (
	fewOperations = 10
	refilled      = 10 // allocations
)

// module is left out of the keys.
const module = "github.com/sluicehq/sluice/"

func key(r gobench.Result) string {
	return strings.TrimPrefix(r.Package, module) + "." + r.Name
}

const heading = "# Allocations per operation of the benchmarks, as go run ./allocs -update found them.\n"

// format writes a line for each benchmark, sorted, so that a change shows in the
// file's history: the fewest allocations of its runs.
func format(results []gobench.Result) string {
	fewest := make(baseline)
	for _, r := range results {
		if n, ok := fewest[key(r)]; !ok || r.Allocs < n {
			fewest[key(r)] = r.Allocs
		}
	}
	var b strings.Builder
	b.WriteString(heading)
	for _, k := range slices.Sorted(maps.Keys(fewest)) {
		fmt.Fprintf(&b, "%6d %s\n", fewest[k], k)
	}
	return b.String()
}

func parse(text string) (baseline, error) {
	allowed := make(baseline)
	for l := range strings.Lines(text) {
		l = strings.TrimSpace(l)
		if l == "" || strings.HasPrefix(l, "#") {
			continue
		}
		number, name, ok := strings.Cut(l, " ")
		n, err := strconv.ParseInt(number, 10, 64)
		if !ok || err != nil {
			return nil, fmt.Errorf("%q is not a number and a name", l)
		}
		allowed[name] = n
	}
	return allowed, nil
}

// compare prints every benchmark with its time and returns what is wrong: more
// allocations than allowed, or a benchmark that is not there any more. A new one
// is named, not refused: it has nothing to be compared with.
func compare(out io.Writer, allowed baseline, now []gobench.Result) (faults []string) {
	seen := make(map[string]bool)
	for _, r := range now {
		k := key(r)
		seen[k] = true
		limit, ok := allowed[k]
		note := ""
		switch {
		case !ok:
			note = "  new: not in the baseline"
		case !allowed.allows(r):
			note = fmt.Sprintf("  MORE than the %d allowed", limit)
			faults = append(faults, fmt.Sprintf("%s: %d allocations, %d are allowed", k, r.Allocs, limit))
		case r.Allocs < limit:
			note = fmt.Sprintf("  fewer than the %d allowed", limit)
		}
		fmt.Fprintf(out, "%6d allocs %12.1f ns  %s%s\n", r.Allocs, r.Ns, k, note)
	}
	for _, k := range slices.Sorted(maps.Keys(allowed)) {
		if !seen[k] {
			faults = append(faults, k+": it is in the baseline and was not run")
		}
	}
	return faults
}
