// Package leak finds goroutines that tests leave behind.
package leak

import (
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// patience is how long a goroutine that has been told to end may take.
const patience = 10 * time.Second

// Main runs the tests and exits the process. When they have passed but goroutines
// are left it writes their stacks to standard error and exits with 1. A package
// has it as its TestMain:
//
//	func TestMain(m *testing.M) { leak.Main(m) }
func Main(m *testing.M) {
	code := m.Run()
	if code == 0 {
		if left := Goroutines(nil).Left(patience); len(left) > 0 {
			fmt.Fprintf(os.Stderr, "leak: %d goroutines are left %v after the tests:\n\n%s\n",
				len(left), patience, strings.Join(left, "\n\n"))
			code = 1
		}
	}
	os.Exit(code)
}

// Goroutines is a set of goroutines: their stacks by what identifies them.
type Goroutines map[string]string

// Running returns the goroutines that run now, without the calling one and those
// of the runtime and of package testing.
func Running() Goroutines {
	running := Goroutines{}
	_, others, _ := strings.Cut(stacks(), "\n\n") // the calling goroutine is the first
	for stack := range strings.SplitSeq(strings.TrimSpace(others), "\n\n") {
		// "goroutine 18 [chan receive, 2 minutes]:"
		id, _, ok := strings.Cut(stack, " [")
		if ok && !known(stack) {
			running[id] = stack
		}
	}
	return running
}

// Left returns the stacks of the goroutines that run now and are not in before.
// While there are some it looks again, for as long as wait.
func (before Goroutines) Left(wait time.Duration) []string {
	start := time.Now()
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		now := Running()
		maps.DeleteFunc(now, func(id, _ string) bool { _, old := before[id]; return old })
		if len(now) == 0 || time.Since(start) >= wait {
			return slices.Sorted(maps.Values(now))
		}
		time.Sleep(pause)
	}
}

// stacks returns the stacks of all goroutines as the runtime prints them.
func stacks() string {
	for size := 64 << 10; ; size *= 2 {
		buf := make([]byte, size)
		if n := runtime.Stack(buf, true); n < size {
			return string(buf[:n])
		}
	}
}

// known reports whether a goroutine is one that no test is to end: one that runs
// or waits for tests, or that the runtime keeps.
func known(stack string) bool {
	return slices.ContainsFunc([]string{
		"\ntesting.tRunner(",
		"\ntesting.fRunner(",
		"\ntesting.(*M).Run(",
		"\ninternal/fuzz.",
		"\nos/signal.loop(",
		"\nruntime.ensureSigM",
		"\nruntime/trace.",
	}, func(frame string) bool { return strings.Contains(stack, frame) })
}
