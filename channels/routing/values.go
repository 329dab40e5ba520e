package routing

import (
	"context"
	"net/http"
	"slices"
	"strconv"

	"github.com/sluicehq/sluice/channels"
)

type paramsKey struct{}

// Params returns the parameters of the route that was taken, or no values if
// none was. In a wrapper between two routers they are those of the outer one.
// They belong to the connection's scope: a socket has them as long as it lives.
func Params(ctx context.Context) Values {
	scope, ok := channels.ScopeFrom(ctx)
	if !ok {
		return Values{}
	}
	m, _ := scope.Value(paramsKey{}).(*match)
	return Values{m}
}

// Values are the parameters of a route: positional ones, and named ones. Nested
// routers add theirs: positional values outer first, and a named value of an
// inner route in place of an outer one of the same name. Within a route, what
// the path gives comes before a default.
//
// Values never change and may be used by several goroutines. The zero Values has
// no parameters.
type Values struct{ m *match }

// A match is a route that matched, with what it captured. A socket keeps it for as long
// as it lives.
type match struct {
	outer    *match
	route    *Route
	captures []capture
}

// newMatch makes a match whose captures are in the same allocation if there are no more
// than two, as in nearly all routes.
func newMatch(outer *match, route *Route, captures []capture) *match {
	switch len(captures) {
	case 0:
		return &match{outer: outer, route: route}
	case 1:
		m := &struct {
			match
			room [1]capture
		}{match: match{outer: outer, route: route}}
		m.captures = append(m.room[:0], captures...)
		return &m.match
	case 2:
		m := &struct {
			match
			room [2]capture
		}{match: match{outer: outer, route: route}}
		m.captures = append(m.room[:0], captures...)
		return &m.match
	}
	return &match{outer, route, slices.Clone(captures)}
}

// A capture is the text of one parameter. A group that took no part in the match
// has not got one.
type capture struct {
	text string
	ok   bool
}

// Arg returns positional parameter i, counted from 0, or "" if there is none.
func (v Values) Arg(i int) string {
	args := v.Args()
	if i < 0 || i >= len(args) {
		return ""
	}
	return args[i]
}

// Args returns the positional parameters.
func (v Values) Args() []string { return v.m.appendArgs(nil) }

// Get returns the text of a named parameter as it stands in the path, or that of
// its default as [fmt.Sprint] has it; "" if there is none of that name.
func (v Values) Get(name string) string {
	p, _ := v.m.lookup(name)
	return p.text
}

// Lookup returns a named parameter and whether there is one: a string, the int
// of <int:…>, the [UUID] of <uuid:…>, or a default of whatever type it was given.
func (v Values) Lookup(name string) (any, bool) {
	p, ok := v.m.lookup(name)
	return p.value, ok
}

// Int returns a named parameter that is an int, or whose text is a decimal
// number in the range of int.
func (v Values) Int(name string) (int, bool) {
	p, ok := v.m.lookup(name)
	if !ok {
		return 0, false
	}
	switch value := p.value.(type) {
	case int:
		return value, true
	case string:
		n, err := strconv.Atoi(value)
		return n, err == nil
	}
	return 0, false
}

// UUID returns a named parameter that is a [UUID], or whose text is one.
func (v Values) UUID(name string) (UUID, bool) {
	p, ok := v.m.lookup(name)
	if !ok {
		return UUID{}, false
	}
	switch value := p.value.(type) {
	case UUID:
		return value, true
	case string:
		u, err := parseUUID(value)
		return u, err == nil
	}
	return UUID{}, false
}

// Named returns the named parameters, in a map of the caller's own. Encoded as
// JSON it is what url_route.kwargs is in Django Channels.
func (v Values) Named() map[string]any {
	named := make(map[string]any)
	v.m.each(func(name string, p parameter) { named[name] = p.value })
	return named
}

// Pattern returns the patterns of the routes that led here, joined, without the
// anchors of regular expressions: "ws/room/<str:name>/". There are as many of
// them as routes, so it is fit for a metric's label, and nothing that a client
// chose is in it.
func (v Values) Pattern() string { return v.m.pattern() }

func (m *match) appendArgs(args []string) []string {
	if m == nil {
		return args
	}
	args = m.outer.appendArgs(args)
	for i, c := range m.captures {
		if m.route.pattern.params[i].name == "" {
			args = append(args, c.text)
		}
	}
	return args
}

func (m *match) lookup(name string) (parameter, bool) {
	if name == "" {
		return parameter{}, false
	}
	for ; m != nil; m = m.outer {
		for i, c := range slices.Backward(m.captures) {
			if p := &m.route.pattern.params[i]; c.ok && p.name == name {
				return p.parameter(c.text), true
			}
		}
		if p, ok := m.route.defaults[name]; ok {
			return p, true
		}
	}
	return parameter{}, false
}

// each calls yield for every named parameter, a later call for the same name
// being the one that holds.
func (m *match) each(yield func(name string, p parameter)) {
	if m == nil {
		return
	}
	m.outer.each(yield)
	for name, p := range m.route.defaults {
		yield(name, p)
	}
	for i, c := range m.captures {
		if p := &m.route.pattern.params[i]; c.ok && p.name != "" {
			yield(p.name, p.parameter(c.text))
		}
	}
}

// setPathValues makes the named parameters available as r.PathValue(name).
func (m *match) setPathValues(r *http.Request) {
	if m == nil {
		return
	}
	m.outer.setPathValues(r)
	for name, p := range m.route.defaults {
		r.SetPathValue(name, p.text)
	}
	for i, c := range m.captures {
		if name := m.route.pattern.params[i].name; c.ok && name != "" {
			r.SetPathValue(name, c.text)
		}
	}
}

func (m *match) pattern() string {
	if m == nil {
		return ""
	}
	return m.outer.pattern() + m.route.pattern.label
}
