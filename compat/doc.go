// Package compat tries Sluice under the routers and behind the middleware that people
// have: net/http's, chi, gorilla/mux and gorilla/handlers. It also type-checks the Go
// code in README.md and docs, which "go test" does not know of when it takes a result
// from its cache: use -count=1.
//
// It is a module of its own because of its dependencies.
package compat
