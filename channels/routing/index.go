package routing

import (
	"slices"
	"strings"
)

// An index finds the routes that a path's beginning does not rule out, so that a
// router with hundreds of them tries two or three.
type index struct {
	literals []string // what the routes' patterns begin with, sorted, each once
	entries  []entry  // one for each
}

type entry struct {
	// parent is the longest other literal that this one begins with, or -1.
	parent int

	// routes are those whose literal this one begins with, in their order.
	routes []int
}

func newIndex(routes []Route) index {
	var x index
	for i := range routes {
		x.literals = append(x.literals, routes[i].pattern.literal)
	}
	slices.Sort(x.literals)
	x.literals = slices.Compact(x.literals)
	x.entries = make([]entry, len(x.literals))
	for i := range routes {
		at, _ := slices.BinarySearch(x.literals, routes[i].pattern.literal)
		x.entries[at].routes = append(x.entries[at].routes, i)
	}
	for i := range x.entries { // a parent sorts before its children
		e := &x.entries[i]
		e.parent = x.longest(i-1, x.literals[i])
		if e.parent >= 0 {
			e.routes = append(e.routes, x.entries[e.parent].routes...)
			slices.Sort(e.routes)
		}
	}
	return x
}

// candidates returns the routes whose literal path begins with, in their order.
func (x *index) candidates(path string) []int {
	at, found := slices.BinarySearch(x.literals, path)
	if !found {
		at--
	}
	if at = x.longest(at, path); at < 0 {
		return nil
	}
	return x.entries[at].routes
}

// longest returns the longest literal that text begins with, or -1. The search
// starts at the last one that sorts before text: whatever sorts between a prefix
// of text and text has that prefix too, so it is that literal or one of its
// parents.
func (x *index) longest(at int, text string) int {
	for at >= 0 && !strings.HasPrefix(text, x.literals[at]) {
		at = x.entries[at].parent
	}
	return at
}
