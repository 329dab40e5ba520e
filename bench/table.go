package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A row is a scenario with its results.
type row struct {
	scenario scenario
	results  []*result
}

// section writes a group's tables, in Markdown.
func section(g *group, rows []row, conditions string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n%s\n\n%s\n", g.title, g.note, conditions)
	for _, t := range g.tables {
		fmt.Fprintf(&b, "\n%s:\n\n", t.title)
		t.write(&b, g, rows)
	}
	return b.String()
}

func (t table) write(b *strings.Builder, g *group, rows []row) {
	columns := columnsOf(rows)
	targets := t.ratio && slices.ContainsFunc(rows, func(r row) bool { return r.scenario.target != "" })
	title := append(append([]string{"scenario"}, names(columns)...), t.ratioTitles(columns)...)
	if targets {
		title = append(title, "target")
	}
	line(b, title)
	b.WriteString("|---" + strings.Repeat("|--:", len(title)-1) + "|\n")
	for _, r := range rows {
		cells := []string{strings.TrimPrefix(r.scenario.name, g.name+"/")}
		for _, l := range columns {
			cells = append(cells, t.cell(r.find(l)))
		}
		cells = append(cells, t.ratioCells(columns, r)...)
		if targets {
			cells = append(cells, cmp.Or(r.scenario.target, "–"))
		}
		line(b, cells)
	}
}

func line(b *strings.Builder, cells []string) {
	fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | "))
}

// columnsOf returns the libraries of any row, in their usual order.
func columnsOf(rows []row) []library {
	var columns []library
	for _, l := range libraries {
		if slices.ContainsFunc(rows, func(r row) bool { return r.find(l) != nil }) {
			columns = append(columns, l)
		}
	}
	return columns
}

func names(ls []library) []string {
	var names []string
	for _, l := range ls {
		names = append(names, l.name)
	}
	return names
}

func (r row) find(l library) *result {
	for _, res := range r.results {
		if res.library.name == l.name {
			return res
		}
	}
	return nil
}

// cell is the median with the interquartile range.
func (t table) cell(r *result) string {
	if r == nil || len(t.values(r)) == 0 {
		return "–"
	}
	v := t.values(r)
	if !t.ratio {
		return fmt.Sprintf("%.*f", t.decimals, median(v))
	}
	return fmt.Sprintf("%.*f (%.*f)", t.decimals, median(v), t.decimals, spread(v))
}

func (t table) ratioTitles(columns []library) []string {
	if !t.ratio {
		return nil
	}
	titles := []string{"best peer"}
	for _, l := range columns {
		if l.ours {
			titles = append(titles, l.name+" : best peer")
		}
	}
	return titles
}

// ratioCells compares ours with the best peer: the median of the ratios within
// each round, with an interval that holds it with 95 %.
func (t table) ratioCells(columns []library, r row) []string {
	if !t.ratio {
		return nil
	}
	best := r.bestPeer(t)
	cells := []string{"–"}
	if best != nil {
		cells[0] = best.library.name
	}
	for _, l := range columns {
		if !l.ours {
			continue
		}
		cell := "–"
		if res := r.find(l); res != nil && best != nil {
			i := medianInterval(ratios(t.values(res), t.values(best)))
			cell = fmt.Sprintf("**%.2f** (%.2f–%.2f)", i.mid, i.low, i.high)
		}
		cells = append(cells, cell)
	}
	return cells
}

// bestPeer returns the peer with the lowest median, or nil when no peer takes part.
func (r row) bestPeer(t table) *result {
	var best *result
	for _, res := range r.results {
		if res.library.peer && (best == nil || median(t.values(res)) < median(t.values(best))) {
			best = res
		}
	}
	return best
}
