package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/sluicehq/sluice/bench/internal/gobench"
)

const (
	microName = "micro"
	microNote = "The Go benchmarks of Sluice's own packages on one processor: time per operation (interquartile range), " +
		"bytes and objects allocated."
)

// rootModule is where the benchmarks are, seen from this directory.
const rootModule = ".."

// micro runs the Go benchmarks of the root module and returns their section.
func micro(quick bool, log io.Writer) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	defer cancel()
	fmt.Fprintln(log, microName)
	packages, err := gobench.Packages(ctx, rootModule)
	if err != nil {
		return "", err
	}
	flags := []string{"-benchtime=100ms", "-count=5"}
	if quick {
		flags = []string{"-benchtime=1x"}
	}
	results, err := gobench.Run(ctx, rootModule, ".", packages, flags...)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "### Micro-benchmarks\n\n%s\n\n%s\n\n", microNote, conditions(strings.Join(flags, " ")))
	b.WriteString("| package | benchmark | ns | bytes | allocations |\n|---|---|--:|--:|--:|\n")
	for len(results) > 0 {
		r := results[0]
		var ns []float64
		results = slices.DeleteFunc(results, func(o gobench.Result) bool {
			same := o.Package == r.Package && o.Name == r.Name
			if same {
				ns = append(ns, o.Ns)
			}
			return same
		})
		fmt.Fprintf(&b, "| %s | %s | %.1f (%.1f) | %d | %d |\n", strings.TrimPrefix(r.Package, "github.com/sluicehq/sluice/"),
			strings.TrimPrefix(r.Name, "Benchmark"), median(ns), spread(ns), r.Bytes, r.Allocs)
	}
	return b.String(), nil
}
