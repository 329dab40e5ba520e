//go:build race

package conform_test

const race = true
