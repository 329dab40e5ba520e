package main

import (
	"io"
	"reflect"
	"testing"

	"github.com/sluicehq/sluice/bench/internal/gobench"
)

func result(name string, allocs int64) gobench.Result {
	return gobench.Result{Package: module + "channels", Name: name, N: 1000, Allocs: allocs}
}

func TestBaselineReadsWhatItWrote(t *testing.T) {
	text := format([]gobench.Result{result("BenchmarkB", 13), result("BenchmarkA/x", 0), result("BenchmarkB", 12), result("BenchmarkB", 14)})
	want := heading + "     0 channels.BenchmarkA/x\n    12 channels.BenchmarkB\n"
	if text != want {
		t.Errorf("format:\n got %q\nwant %q", text, want)
	}
	got, err := parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if want := (baseline{"channels.BenchmarkA/x": 0, "channels.BenchmarkB": 12}); !reflect.DeepEqual(got, want) {
		t.Errorf("parse = %v, want %v", got, want)
	}
}

func TestParseRefusesOtherLines(t *testing.T) {
	for _, text := range []string{"many channels.BenchmarkA", "12", "channels.BenchmarkA 12"} {
		if got, err := parse(text); err == nil {
			t.Errorf("parse(%q) = %v, want an error", text, got)
		}
	}
}

func TestCompare(t *testing.T) {
	allowed := baseline{"channels.BenchmarkA": 3}
	many := baseline{"channels.BenchmarkA": 2000}
	if n := compare(io.Discard, many, []gobench.Result{result("BenchmarkA", 2020)}); n != nil {
		t.Errorf("2020 where 2000 are allowed: %q", n)
	}
	if n := compare(io.Discard, many, []gobench.Result{result("BenchmarkA", 2021)}); len(n) != 1 {
		t.Errorf("2021 where 2000 are allowed: %q, want a fault", n)
	}
	slow := result("BenchmarkA", 13)
	slow.N = 2
	if n := compare(io.Discard, allowed, []gobench.Result{slow}); n != nil {
		t.Errorf("13 where 3 are allowed, in a run of two: %q", n)
	}
	if slow.Allocs++; len(compare(io.Discard, allowed, []gobench.Result{slow})) != 1 {
		t.Error("14 where 3 are allowed, in a run of two: no fault")
	}
	tests := []struct {
		name string
		now  []gobench.Result
		want []string
	}{
		{"the same", []gobench.Result{result("BenchmarkA", 3)}, nil},
		{"fewer", []gobench.Result{result("BenchmarkA", 2)}, nil},
		{"more", []gobench.Result{result("BenchmarkA", 4)}, []string{"channels.BenchmarkA: 4 allocations, 3 are allowed"}},
		{"gone", nil, []string{"channels.BenchmarkA: it is in the baseline and was not run"}},
		{"new", []gobench.Result{result("BenchmarkA", 3), result("BenchmarkB", 9)}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := compare(io.Discard, allowed, tt.now); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("compare = %q, want %q", got, tt.want)
			}
		})
	}
}
