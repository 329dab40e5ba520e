// Package gobench runs the Go benchmarks of a module and reads what they print.
package gobench

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// A Result is one line of a benchmark's output.
type Result struct {
	Package string // import path
	Name    string // "BenchmarkMask/16B", without the number of processors
	N       int
	Ns      float64 // per operation
	Bytes   int64   // allocated per operation
	Allocs  int64   // per operation
}

// Packages returns the packages of the module in dir that have a benchmark, so
// that no test binary is linked for nothing.
func Packages(ctx context.Context, dir string) ([]string, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-e", "-f",
		`{{$p := .}}{{range .TestGoFiles}}{{$p.ImportPath}} {{$p.Dir}} {{.}}{{"\n"}}{{end}}`+
			`{{range .XTestGoFiles}}{{$p.ImportPath}} {{$p.Dir}} {{.}}{{"\n"}}{{end}}`, "./...")
	cmd.Dir = dir
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list in %s: %w", dir, err)
	}
	var packages []string
	for l := range strings.Lines(string(out)) {
		f := strings.Fields(l)
		if len(f) != 3 || len(packages) > 0 && packages[len(packages)-1] == f[0] {
			continue
		}
		source, err := os.ReadFile(filepath.Join(f[1], f[2]))
		if err != nil {
			return nil, err
		}
		if bytes.Contains(source, []byte("\nfunc Benchmark")) {
			packages = append(packages, f[0])
		}
	}
	return packages, nil
}

// Run runs the benchmarks of packages that match the pattern, on one processor,
// with the flags of go test that are given, such as -benchtime.
func Run(ctx context.Context, dir, pattern string, packages []string, flags ...string) ([]Result, error) {
	args := []string{"test", "-run=^$", "-bench=" + pattern, "-benchmem", "-cpu=1"}
	args = append(append(args, flags...), packages...)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return Parse(bytes.NewReader(out))
}

// Pattern returns the -bench pattern of exactly the named benchmark.
func Pattern(name string) string {
	parts := strings.Split(name, "/")
	for i := range parts {
		parts[i] = "^" + regexp.QuoteMeta(parts[i]) + "$"
	}
	return strings.Join(parts, "/")
}

// Parse reads the output of go test -bench -benchmem.
func Parse(r io.Reader) ([]Result, error) {
	var results []Result
	pkg := ""
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		switch {
		case len(f) == 2 && f[0] == "pkg:":
			pkg = f[1]
		case len(f) >= 4 && strings.HasPrefix(f[0], "Benchmark"):
			res, err := parseLine(f)
			if err != nil {
				return nil, fmt.Errorf("%q: %w", lines.Text(), err)
			}
			res.Package = pkg
			results = append(results, res)
		}
	}
	return results, lines.Err()
}

var processors = regexp.MustCompile(`-\d+$`)

// parseLine reads a line's fields: the name, the iterations, then pairs of a
// value and its unit. Units that are not known here are left out.
func parseLine(f []string) (res Result, err error) {
	res.Name = processors.ReplaceAllString(f[0], "")
	if res.N, err = strconv.Atoi(f[1]); err != nil {
		return res, err
	}
	for i := 2; i+1 < len(f); i += 2 {
		v, err := strconv.ParseFloat(f[i], 64)
		if err != nil {
			return res, err
		}
		switch f[i+1] {
		case "ns/op":
			res.Ns = v
		case "B/op":
			res.Bytes = int64(v)
		case "allocs/op":
			res.Allocs = int64(v)
		}
	}
	return res, nil
}
