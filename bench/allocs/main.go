// Allocs guards against regressions: it runs the Go benchmarks of the root module
// and fails when one of them allocates more often per operation than the baseline
// in this directory says, or is gone. Allocations are compared exactly (within 1 %
// above a hundred, and within 10 where a run has fewer than 10 operations); times depend on the machine and are printed, not judged.
//
//	cd bench && go run ./allocs           # compare
//	cd bench && go run ./allocs -update   # write the baseline anew
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/sluicehq/sluice/bench/internal/gobench"
)

func main() {
	update := flag.Bool("update", false, "write the baseline instead of comparing with it")
	dir := flag.String("dir", "..", "`directory` of the module whose benchmarks are run")
	file := flag.String("baseline", "allocs/baseline.txt", "`file` with what is allowed")
	benchtime := flag.String("benchtime", "20ms", "as for go test; one run of each benchmark")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	c := check{dir: *dir, flags: []string{"-benchtime=" + *benchtime}, out: os.Stdout}
	if err := c.run(ctx, *file, *update); err != nil {
		fmt.Fprintln(os.Stderr, "allocs:", err)
		os.Exit(1)
	}
}

type check struct {
	dir   string
	flags []string
	out   io.Writer
}

func (c check) run(ctx context.Context, file string, update bool) error {
	packages, err := gobench.Packages(ctx, c.dir)
	if err != nil {
		return err
	}
	flags := c.flags
	if update {
		// The first run of a benchmark that takes milliseconds fills its pools.
		flags = append(flags, "-count=3")
	}
	var now []gobench.Result
	if len(packages) > 0 {
		if now, err = gobench.Run(ctx, c.dir, ".", packages, flags...); err != nil {
			return err
		}
	}
	if update {
		return os.WriteFile(file, []byte(format(now)), 0o644)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	allowed, err := parse(string(text))
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	for i := range now {
		if !allowed.allows(now[i]) {
			if now[i], err = c.again(ctx, now[i]); err != nil {
				return err
			}
		}
	}
	faults := compare(c.out, allowed, now)
	if len(faults) > 0 {
		return fmt.Errorf("%d benchmarks are not as %s has them (go run ./allocs -update accepts it):\n  %s",
			len(faults), file, strings.Join(faults, "\n  "))
	}
	return nil
}

// again runs a benchmark that seems to allocate more up to three times and
// returns its best: a collection that empties a pool in the middle of a short
// run is no regression, and does not happen four times.
func (c check) again(ctx context.Context, was gobench.Result) (gobench.Result, error) {
	results, err := gobench.Run(ctx, c.dir, gobench.Pattern(was.Name), []string{was.Package}, append(c.flags, "-count=3")...)
	for _, r := range results {
		if r.Name == was.Name && r.Allocs < was.Allocs {
			was = r
		}
	}
	return was, err
}
