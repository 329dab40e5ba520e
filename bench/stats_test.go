package main

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestQuantile(t *testing.T) {
	v := []float64{4, 1, 3, 2}
	for _, tt := range []struct{ q, want float64 }{{0, 1}, {0.25, 1.75}, {0.5, 2.5}, {0.75, 3.25}, {1, 4}} {
		if got := quantile(v, tt.q); got != tt.want {
			t.Errorf("quantile(%v) = %v, want %v", tt.q, got, tt.want)
		}
	}
	if got := spread(v); got != 1.5 {
		t.Errorf("spread = %v, want 1.5", got)
	}
	if !math.IsNaN(median(nil)) {
		t.Error("the median of nothing is a number")
	}
}

func TestMedianIntervalTakesTheTabledOrderStatistics(t *testing.T) {
	// The ranks (from 1) of the usual table for 95 %.
	for _, tt := range []struct{ n, low int }{{5, 1}, {6, 1}, {8, 1}, {9, 2}, {12, 3}, {15, 4}, {20, 6}, {25, 8}} {
		v := make([]float64, tt.n)
		for i := range v {
			v[i] = float64(i + 1)
		}
		got := medianInterval(v)
		if got.low != float64(tt.low) || got.high != float64(tt.n+1-tt.low) {
			t.Errorf("of %d values: %v–%v, want the ranks %d and %d", tt.n, got.low, got.high, tt.low, tt.n+1-tt.low)
		}
	}
}

// The interval of 15 values of a skewed distribution holds its median as often as
// it promises.
func TestMedianIntervalHolds(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	held := 0
	const runs = 4000
	for range runs {
		v := make([]float64, 15)
		for i := range v {
			v[i] = rnd.ExpFloat64()
		}
		if i := medianInterval(v); i.low <= math.Ln2 && math.Ln2 <= i.high {
			held++
		}
	}
	if share := float64(held) / runs; share < 0.95 {
		t.Errorf("the interval holds the median in %.1f %% of the runs, want at least 95", 100*share)
	}
}

func TestRatiosArePairwise(t *testing.T) {
	got := medianInterval(ratios([]float64{2, 30, 8}, []float64{1, 10, 4}))
	if got.mid != 2 {
		t.Errorf("the median ratio = %v, want 2", got.mid)
	}
}
