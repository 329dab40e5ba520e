//go:build race

package auth_test

// manySockets is what the race detector has goroutines for.
const manySockets = 3000
