package sessions

import (
	"net/http"
	"strings"
)

// protectCache keeps a response that depends on the session out of caches that
// serve others: Vary for those that look at cookies, Cache-Control for the rest. A
// response that sets the cookie is not to be stored at all.
func protectCache(h http.Header, setsCookie bool) {
	if !listed(h["Vary"], "Cookie") && !listed(h["Vary"], "*") {
		h["Vary"] = append(h["Vary"], "Cookie")
	}
	control := h["Cache-Control"]
	switch {
	case listed(control, "no-store"):
	case setsCookie:
		h["Cache-Control"] = []string{"no-store"}
	case listed(control, "private") && !listed(control, "public") && !listed(control, "s-maxage"):
	default:
		h["Cache-Control"] = []string{privateControl(control)}
	}
}

// privateControl returns the directives of a handler, for the browser alone.
func privateControl(control []string) string {
	out := "private"
	for _, line := range control {
		for directive := range strings.SplitSeq(line, ",") {
			directive = strings.Trim(directive, " \t")
			switch strings.ToLower(directiveName(directive)) {
			case "", "public", "s-maxage", "private":
			default:
				out += ", " + directive
			}
		}
	}
	return out
}

func directiveName(directive string) string {
	name, _, _ := strings.Cut(directive, "=")
	return name
}

// listed reports whether a comma-separated field has a member.
func listed(lines []string, name string) bool {
	for _, line := range lines {
		for member := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(directiveName(strings.Trim(member, " \t")), name) {
				return true
			}
		}
	}
	return false
}
