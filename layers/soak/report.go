package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// A report is what a run has found.
type report struct {
	head       string
	lines      []string
	violations []string
	broken     int // how many there are; violations has the first
	heard      int // messages by clients
}

func (s *soaking) report() *report {
	r := &report{head: fmt.Sprintf("Soak over %s: %v, %d servers, %d sockets, %d groups, %d messages/s, seed %d",
		s.layer, time.Since(s.started).Round(time.Second), len(s.servers), s.sockets, s.groups, s.rate, s.seed)}
	for _, name := range slices.Sorted(maps.Keys(s.counts)) {
		r.lines = append(r.lines, fmt.Sprintf("%-40s %d", name, s.counts[name]))
	}
	r.lines = append(r.lines, s.judge.summary())
	r.lines = append(r.lines, s.leftovers...)
	r.violations, r.broken, r.heard = s.judge.violations, s.judge.broken, s.judge.tally.heard
	if r.broken > 0 {
		r.lines = append(r.lines, "the servers' log is in "+s.dir)
	}
	return r
}

// leftover adds what a process has left over.
func (r *report) leftover(who string, before, after leftover) {
	r.lines = append(r.lines, fmt.Sprintf("%s: %s before, %s after", who, before, after))
	if after.over(before) {
		r.violations = append(r.violations, who+" have left something over")
		r.broken++
	}
}

func (r *report) String() string {
	var b strings.Builder
	fmt.Fprintln(&b, r.head)
	for _, line := range r.lines {
		fmt.Fprintln(&b, "  "+line)
	}
	if r.broken == 0 {
		fmt.Fprintln(&b, "  nothing that was promised was broken")
		return b.String()
	}
	fmt.Fprintf(&b, "  BROKEN %d times; the first:\n", r.broken)
	for _, v := range r.violations {
		fmt.Fprintln(&b, "    "+v)
	}
	return b.String()
}

// summary is the judge's tally in a line.
func (j *judge) summary() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	t := j.tally
	return fmt.Sprintf("%d messages said: %d taken, %d refused, %d not answered; %d heard by clients, %d missed and announced; %d gaps; %d lost with their server; %d violations",
		t.said, t.taken, t.refused, t.said-t.taken-t.refused, t.heard, t.missed, t.gaps, t.dead, j.broken)
}
