package gobench_test

import (
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/bench/internal/gobench"
)

func TestParse(t *testing.T) {
	const out = `goos: linux
goarch: amd64
pkg: example.com/a
cpu: AMD EPYC
BenchmarkMask/16B-8         	 1000000	         3.125 ns/op	5120.00 MB/s	       0 B/op	       0 allocs/op
some words that a benchmark logged
BenchmarkLoad         	    2000	      9000 ns/op	     512 B/op	      12 allocs/op
PASS
ok  	example.com/a	1.2s
pkg: example.com/b
BenchmarkLoad         	    10	      20 ns/op	     8 B/op	      1 allocs/op
`
	got, err := gobench.Parse(strings.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	want := []gobench.Result{
		{Package: "example.com/a", Name: "BenchmarkMask/16B", N: 1000000, Ns: 3.125},
		{Package: "example.com/a", Name: "BenchmarkLoad", N: 2000, Ns: 9000, Bytes: 512, Allocs: 12},
		{Package: "example.com/b", Name: "BenchmarkLoad", N: 10, Ns: 20, Bytes: 8, Allocs: 1},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("Parse:\n got %v\nwant %v", got, want)
	}
}

func TestParseRefusesWhatIsNoNumber(t *testing.T) {
	if got, err := gobench.Parse(strings.NewReader("BenchmarkX many 1 ns/op\n")); err == nil {
		t.Errorf("Parse = %v, want an error", got)
	}
}

func TestPattern(t *testing.T) {
	got := gobench.Pattern("BenchmarkEcho/32B(text)")
	if want := `^BenchmarkEcho$/^32B\(text\)$`; got != want {
		t.Errorf("Pattern = %s, want %s", got, want)
	}
	if !regexp.MustCompile(strings.Split(got, "/")[1]).MatchString("32B(text)") {
		t.Error("the pattern does not match its own name")
	}
}
