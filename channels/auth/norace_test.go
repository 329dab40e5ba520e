//go:build !race

package auth_test

const manySockets = 10_000
