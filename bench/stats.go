package main

import (
	"math"
	"slices"
)

// quantile returns the q-th quantile of the values, by linear interpolation.
func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	v := slices.Sorted(slices.Values(values))
	at := q * float64(len(v)-1)
	i := int(at)
	if i+1 == len(v) {
		return v[i]
	}
	return v[i] + (at-float64(i))*(v[i+1]-v[i])
}

func median(values []float64) float64 { return quantile(values, 0.5) }

// spread returns the interquartile range: the middle half of the values.
func spread(values []float64) float64 { return quantile(values, 0.75) - quantile(values, 0.25) }

// An interval is an estimate with its bounds.
type interval struct{ mid, low, high float64 }

// confidence is what an interval is wanted to hold.
const confidence = 0.95

// medianInterval returns the median with the narrowest pair of order statistics
// that holds the true median with at least 95 %, whatever the distribution: the
// number of values below it is binomial. With fewer than 6 values no pair does,
// and all of them are the interval.
func medianInterval(values []float64) interval {
	v := slices.Sorted(slices.Values(values))
	n := len(v)
	if n == 0 {
		return interval{math.NaN(), math.NaN(), math.NaN()}
	}
	k := 0 // v[k] and v[n-1-k] are the bounds
	for k+1 < n-1-(k+1) && outside(n, k+1) <= 1-confidence {
		k++
	}
	return interval{median(v), v[k], v[n-1-k]}
}

// outside returns how likely the median of the distribution lies below the k-th
// (from 0) or above the k-th last of n values.
func outside(n, k int) float64 {
	sum, choose := 0.0, 1.0
	for i := range k + 1 {
		sum += choose
		choose = choose * float64(n-i) / float64(i+1)
	}
	return 2 * sum / math.Pow(2, float64(n))
}

// ratios divides pairwise: what the same round found for a and for b.
func ratios(a, b []float64) []float64 {
	r := make([]float64, min(len(a), len(b)))
	for i := range r {
		r[i] = a[i] / b[i]
	}
	return r
}
