package sessions_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/channels/sessions"
)

// What Cookie headers a session is found in, and in which not.
func TestCookieHeader(t *testing.T) {
	const n = cookieName
	tests := []struct {
		name    string
		headers []string // GOOD is replaced by the good value
		want    bool
	}{
		{"one", []string{n + "=GOOD"}, true},
		{"among others", []string{"a=1; " + n + "=GOOD; b=2"}, true},
		{"in two fields, as HTTP/2 may send them", []string{"a=1", n + "=GOOD"}, true},
		{"without the space", []string{"a=1;" + n + "=GOOD"}, true},
		{"C26 twice the same", []string{n + "=GOOD; " + n + "=GOOD"}, true},
		{"C26 evil first", []string{n + "=evil; " + n + "=GOOD"}, false},
		{"C26 evil last", []string{n + "=GOOD; " + n + "=evil"}, false},
		{"C26 in two fields", []string{n + "=GOOD", n + "=evil"}, false},
		{"C26 empty", []string{n + "=; " + n + "=GOOD"}, false},
		{"C27 no-break space before the name", []string{"\xa0" + n + "=GOOD"}, false},
		{"C27 U+2000 before the name", []string{"a=1; \u2000" + n + "=GOOD"}, false},
		{"C27 TAB before the name", []string{"a=1; \t" + n + "=GOOD"}, false},
		{"C27 TAB behind the name", []string{n + "\t=GOOD"}, false},
		{"C27 space behind the name", []string{n + " =GOOD"}, false},
		{"C28 an empty name", []string{"=" + n + "=GOOD"}, false},
		{"C28 no name", []string{n}, false},
		{"C29 a quoted string around ours", []string{`$Version=1; x="a; ` + n + `=GOOD; y=b"`}, true},
		{"C29 one that begins in ours", []string{`$Version=1; ` + n + `="GOOD; x=b"`}, false},
		{"C6 quoted", []string{n + `="GOOD"`}, false},
		{"C7 escaped", []string{n + "=%GOOD"}, false},
		{"another case", []string{strings.ToLower(n) + "=GOOD"}, false},
		{"C8 another name", []string{"__Host-other=GOOD"}, false},
		{"value and a space", []string{n + "=GOOD "}, false},
		{"value and a comma", []string{n + "=GOOD,"}, false},
		{"C30 3001 cookies", []string{strings.Repeat("a=1; ", 3000) + n + "=GOOD"}, false},
		{"C31 more than 64 KiB", []string{"a=" + strings.Repeat("x", 64<<10) + "; " + n + "=GOOD"}, false},
		{"C32 5000 bytes", []string{n + "=GOOD" + strings.Repeat("A", 5000)}, false},
		{"no cookie at all", nil, false},
	}
	for _, mode := range []string{"cookie", "store"} {
		for _, tt := range tests {
			t.Run(mode+" "+tt.name, func(t *testing.T) {
				log := new(logbook)
				m := &sessions.Manager{Keys: ring(t, "a"), Logger: log.logger()}
				if mode == "store" {
					m.Store = &sessions.MemoryStore{}
				}
				b := newBrowser(t, m)
				b.setKey("who", "alice")
				good := b.cookie

				b.cookie, b.header = "", http.Header{}
				for _, h := range tt.headers {
					b.header.Add("Cookie", strings.ReplaceAll(h, "GOOD", good))
				}
				if got := b.get("who") == "alice"; got != tt.want {
					t.Errorf("the session is found: %v, want %v", got, tt.want)
				}
				if strings.HasPrefix(tt.name, "C26 evil") && !strings.Contains(log.String(), "different values") {
					t.Errorf("C26: not logged: %q", log.String())
				}
				if strings.Contains(log.String(), good[:20]) || strings.Contains(log.String(), "evil") {
					t.Errorf("the log shows a cookie: %s", log.String())
				}
			})
		}
	}
}

// C31: the header of a request is bounded by net/http; this package adds a bound of
// its own, for servers that were told otherwise.
func TestCookieHeaderBounds(t *testing.T) {
	for _, headers := range [][]string{
		{strings.Repeat("a=1; ", 1_000)},
		{strings.Repeat("x", 1<<20)},
		make([]string, 1001),
	} {
		if value, err := sessions.CookieValue(headers, "a"); err == nil || value != "" {
			t.Errorf("C30, C31: %d fields of %d bytes: %q, %v", len(headers), len(headers[0]), value, err)
		}
	}
}

// FuzzCookieHeader: whatever stands around it, a cookie is found as itself or not
// at all, as a simple-minded reader finds it.
func FuzzCookieHeader(f *testing.F) {
	f.Add("a=1; sid=x", "sid=x", "sid")
	f.Add("", "=sid=x;;\xa0sid=y", "sid")
	f.Add(`$Version=1; x="a; sid=good; y=b"`, "\tsid=z", "sid")
	f.Fuzz(func(t *testing.T, first, second, name string) {
		if name == "" || strings.ContainsAny(name, "=; ") {
			return
		}
		values := map[string]bool{}
		for _, pair := range strings.Split(first+";"+second, ";") {
			if v, ok := strings.CutPrefix(strings.TrimLeft(pair, " "), name+"="); ok {
				values[v] = true
			}
		}
		got, err := sessions.CookieValue([]string{first, second}, name)
		switch {
		case err != nil && got != "":
			t.Fatalf("%q with error %v", got, err)
		case err == nil && len(values) == 0 && got != "", err == nil && len(values) == 1 && !values[got]:
			t.Fatalf("found %q, want one of %v", got, fmt.Sprint(values))
		case err == nil && len(values) > 1:
			t.Fatalf("found %q, there are %v", got, values)
		}
	})
}
