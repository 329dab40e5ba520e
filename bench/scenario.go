package main

import (
	"slices"
	"strconv"
)

// A scenario is one row of the table: the same work for every library.
type scenario struct {
	name  string
	group *group
	opt   options  // for the server
	load  LoadArgs // for the client, without the address
	kind  kind
	only  []string // names of libraries, where not all that can

	target string // what Sluice is to reach, for the table; "" where nothing is set
}

// kind is how a scenario is measured.
type kind int

const (
	messages   kind = iota // CPU per message, many rounds
	handshakes             // CPU per handshake, many rounds
	memory                 // bytes per idle connection, a few fresh processes
)

// A group is a section of its own in the README.
type group struct {
	name   string
	title  string
	note   string // below the title: what is measured
	tables []table
}

// A table shows one quantity of a group's results.
type table struct {
	title    string
	values   func(*result) []float64
	decimals int
	ratio    bool // with the ratio of ours to the best peer
}

func costTable(title string, decimals int) table {
	return table{title, func(r *result) []float64 { return r.cost }, decimals, true}
}

var (
	allocsTable = table{"Allocations", func(r *result) []float64 { return r.allocs }, 2, false}
	bytesTable  = table{"Bytes allocated", func(r *result) []float64 { return r.bytes }, 0, false}
	wireTable   = table{"Bytes on the wire", func(r *result) []float64 { return r.wire }, 0, false}
	heapTable   = table{"Heap in use, bytes", func(r *result) []float64 { return r.heap }, 0, false}
	stackTable  = table{"Stack, bytes", func(r *result) []float64 { return r.stack }, 0, false}
)

// scenarios returns all of them, in the order of the tables.
func scenarios() []scenario {
	return slices.Concat(
		echoScenarios(),
		streamScenarios(),
		handshakeScenarios(),
		idleScenarios(),
		broadcastScenarios(),
		deflateScenarios(),
	)
}

// subjects returns the libraries that take part.
func (s scenario) subjects() []library {
	var in []library
	for _, l := range libraries {
		if l.can(s.opt) && (s.only == nil || slices.Contains(s.only, l.name)) {
			in = append(in, l)
		}
	}
	return in
}

// sizeName writes a size as the tables have it.
func sizeName(n int) string {
	switch {
	case n >= 1<<20:
		return strconv.Itoa(n>>20) + "MiB"
	case n >= 1<<10:
		return strconv.Itoa(n>>10) + "KiB"
	}
	return strconv.Itoa(n) + "B"
}
