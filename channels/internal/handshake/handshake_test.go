package handshake_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sluicehq/sluice/channels/internal/handshake"
)

func TestHasToken(t *testing.T) {
	tests := []struct {
		lines []string
		want  bool
	}{
		{nil, false},
		{[]string{"websocket"}, true},
		{[]string{"WebSocket"}, true},
		{[]string{"h2c,\twebsocket "}, true},
		{[]string{"h2c", "websocket"}, true},
		{[]string{"websocket/13"}, false},
		{[]string{"notwebsocket"}, false},
		{[]string{"web socket"}, false},
	}
	for _, tt := range tests {
		if got := handshake.HasToken(tt.lines, "websocket"); got != tt.want {
			t.Errorf("%q: %v", tt.lines, got)
		}
	}
}

// RFC 6455, Section 1.3.
func TestAccept(t *testing.T) {
	if got := handshake.Accept("dGhlIHNhbXBsZSBub25jZQ=="); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Errorf("got %s", got)
	}
	if a, b := handshake.NewKey(), handshake.NewKey(); a == b || !handshake.ValidKey(a) {
		t.Errorf("keys %q and %q", a, b)
	}
}

func TestExtensions(t *testing.T) {
	type list = []handshake.Extension
	tests := []struct {
		lines string
		want  list
		bad   bool
	}{
		{"permessage-deflate", list{{Name: "permessage-deflate"}}, false},
		{"a; b; c=1, d", list{{"a", []handshake.Param{{Name: "b"}, {"c", "1", true}}}, {Name: "d"}}, false},
		{`a; b="c"`, list{{"a", []handshake.Param{{"b", "c", true}}}}, false},
		{`a; b="c\d"`, list{{"a", []handshake.Param{{"b", "cd", true}}}}, false},
		{`a; b="c d"`, nil, true},
		{`a; b=""`, nil, true},
		{`a; b="`, nil, true},
		{`a; b="\`, nil, true},
		{"", nil, true},
		{"a,", nil, true},
		{"a;", nil, true},
		{"a b", nil, true},
		{"a; b=", nil, true},
		{"=b", nil, true},
		{strings.Repeat("a,", 20) + "a", nil, true},
		{"a" + strings.Repeat("; b", 20), nil, true},
		{strings.Repeat("a", 9<<10), nil, true},
	}
	for _, tt := range tests {
		got, err := handshake.Extensions([]string{tt.lines})
		if tt.bad != (err != nil) {
			t.Errorf("%.40q: %v", tt.lines, err)
		} else if diff := cmp.Diff(tt.want, got); err == nil && diff != "" {
			t.Errorf("%q (-want +got):\n%s", tt.lines, diff)
		}
	}
}

func TestAcceptDeflate(t *testing.T) {
	const name = "permessage-deflate"
	none := name + "; server_no_context_takeover; client_no_context_takeover"
	tests := []struct {
		offer       string
		none, taken string // the responses without and with takeover, of 12 bits
	}{
		{name, none, name + "; client_no_context_takeover; server_max_window_bits=12"},
		{name + "; client_max_window_bits", none + "; client_max_window_bits=15"[:0], name + "; server_max_window_bits=12; client_max_window_bits=12"},
		{name + "; client_max_window_bits=10", none, name + "; server_max_window_bits=12; client_max_window_bits=10"},
		{name + "; server_max_window_bits=9", none + "; server_max_window_bits=9", name + "; client_no_context_takeover; server_max_window_bits=9"},
		{name + "; server_no_context_takeover", none, none},
		{name + "; client_no_context_takeover", none, name + "; client_no_context_takeover; server_max_window_bits=12"},
		// H32: an offer with what is wrong or unknown is declined, and the next one taken.
		{name + "; server_max_window_bits=99", "", ""},
		{name + "; server_max_window_bits=7", "", ""},
		{name + "; server_max_window_bits=08", "", ""},
		{name + "; server_max_window_bits", "", ""},
		{name + "; server_max_window_bits=8; server_max_window_bits=8", "", ""},
		{name + "; client_max_window_bits=16", "", ""},
		{name + "; server_no_context_takeover=1", "", ""},
		{name + "; unknown", "", ""},
		{name + "; unknown, " + name, none, name + "; client_no_context_takeover; server_max_window_bits=12"},
		{"x-webkit-deflate-frame", "", ""},
		{"PERMESSAGE-DEFLATE", "", ""},
	}
	for _, tt := range tests {
		for _, takeover := range []bool{false, true} {
			want := tt.none
			if takeover {
				want = tt.taken
			}
			offers, err := handshake.Extensions([]string{tt.offer})
			if err != nil {
				t.Fatal(err)
			}
			d, got, ok := handshake.AcceptDeflate(offers, takeover, 12)
			if got != want || ok != (want != "") {
				t.Errorf("%s, takeover %v:\n\tgot  %q\n\twant %q", tt.offer, takeover, got, want)
			}
			if ok && takeover && (!d.ServerNoTakeover && d.ServerBits > 12 || !d.ClientNoTakeover && d.ClientBits > 12) {
				t.Errorf("%s: a window over 12 bits is kept: %+v", tt.offer, d)
			}
		}
	}
}

func TestCheckDeflate(t *testing.T) {
	const name = "permessage-deflate"
	tests := []struct {
		response    string
		none, taken bool // accepted by a client without and with takeover
	}{
		{name + "; server_no_context_takeover; client_no_context_takeover", true, false},
		{name + "; server_no_context_takeover", true, false},
		{name + "; server_max_window_bits=12", false, true},
		{name + "; server_max_window_bits=9; client_max_window_bits=10", false, true},
		{name + "; server_max_window_bits=13", false, false},
		{name + "; server_max_window_bits=12; client_max_window_bits", false, false},
		{name + "; server_no_context_takeover; client_max_window_bits=10", false, false},
		{name + "; server_no_context_takeover; x", false, false},
		{name, false, false},
		{name + "; server_no_context_takeover, " + name, false, false},
		{"x", false, false},
	}
	for _, tt := range tests {
		for _, takeover := range []bool{false, true} {
			want := tt.none
			if takeover {
				want = tt.taken
			}
			if _, err := handshake.CheckDeflate([]string{tt.response}, takeover, 12); want != (err == nil) {
				t.Errorf("%s, takeover %v: %v", tt.response, takeover, err)
			}
		}
	}
	// A server accepts what a client offers.
	for _, takeover := range []bool{false, true} {
		offers, err := handshake.Extensions([]string{handshake.OfferDeflate(takeover, 12)})
		if err != nil {
			t.Fatal(err)
		}
		_, response, _ := handshake.AcceptDeflate(offers, takeover, 12)
		if _, err := handshake.CheckDeflate([]string{response}, takeover, 12); err != nil {
			t.Errorf("takeover %v: %s: %v", takeover, response, err)
		}
	}
}

func FuzzExtensions(f *testing.F) {
	f.Add("permessage-deflate; client_max_window_bits, x; a=\"b\\c\"")
	f.Add(`constructor; __proto__="`)
	f.Fuzz(func(t *testing.T, line string) {
		list, err := handshake.Extensions([]string{line})
		if err != nil {
			return
		}
		for _, ext := range list {
			if !handshake.IsToken(ext.Name) {
				t.Fatalf("name %q", ext.Name)
			}
			for _, p := range ext.Params {
				if !handshake.IsToken(p.Name) || p.HasValue != (p.Value != "") || p.HasValue && !handshake.IsToken(p.Value) {
					t.Fatalf("parameter %+v", p)
				}
			}
		}
		if _, response, ok := handshake.AcceptDeflate(list, true, 12); ok {
			// What is answered is well-formed, whatever was offered.
			if _, err := handshake.Extensions([]string{response}); err != nil {
				t.Fatalf("response %q: %v", response, err)
			}
		}
	})
}

func FuzzOrigin(f *testing.F) {
	for _, s := range []string{"https://example.com", "http://[::1]:8080", "null", "https://a:b@c", "https://x:99999", "https://[::1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		o, err := handshake.ParseOrigin(s)
		if err != nil {
			return
		}
		// It is the only way to write this origin, or the default port was written.
		if again := o.String(); again != s && again != strings.TrimSuffix(strings.TrimSuffix(s, ":80"), ":443") && !strings.Contains(s, "[") {
			t.Fatalf("%q is taken for %q", s, again)
		}
	})
}

// H27: what is long is read in one pass. Where it is not, 8 KiB of spaces take
// seconds; here they take microseconds.
func TestLongFieldsAreReadInOnePass(t *testing.T) {
	spaces := strings.Repeat(" ", 8000)
	for name, parse := range map[string]func(string) error{
		"Subprotocols": func(line string) error { _, err := handshake.Subprotocols([]string{line}); return err },
		"Extensions":   func(line string) error { _, err := handshake.Extensions([]string{line}); return err },
		"HasToken":     func(line string) error { handshake.HasToken([]string{line}, "upgrade"); return nil },
		"ParseOrigin":  func(line string) error { _, err := handshake.ParseOrigin(line); return err },
	} {
		for _, line := range []string{
			"a" + spaces + "b", "a" + spaces + ",b", spaces, strings.Repeat(" ,", 4000), strings.Repeat("a ;", 2500),
			`a; b="` + strings.Repeat(`\ `, 4000) + `"`, strings.Repeat("a, ", 2600) + "a", "https://" + strings.Repeat("a.", 4000),
		} {
			fastest := time.Hour
			for range 5 {
				start := time.Now()
				parse(line)
				fastest = min(fastest, time.Since(start))
			}
			if fastest > 50*time.Millisecond {
				t.Errorf("%s: %.20q takes %v", name, line, fastest)
			}
		}
	}
}

func FuzzSubprotocols(f *testing.F) {
	f.Add("chat, v2.chat")
	f.Add("a,,b")
	f.Fuzz(func(t *testing.T, line string) {
		list, err := handshake.Subprotocols([]string{line})
		for _, s := range list {
			if err == nil && !handshake.IsToken(s) {
				t.Fatalf("%q", s)
			}
		}
	})
}
