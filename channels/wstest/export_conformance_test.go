package wstest

import "github.com/sluicehq/sluice/channels/internal/conform"

// Verdict is how a subtest of the conformance suites ends, in a word.
func Verdict(r conform.Result, listed bool, why string) (string, string) {
	v, text := judge(r, listed, why)
	return [...]string{"passes", "fails", "deviates", "is skipped"}[v], text
}

// Skipped returns the reason for which the case is not run, or "".
func (opts *Conformance) Skipped(name string) string { return opts.skipped(name) }
