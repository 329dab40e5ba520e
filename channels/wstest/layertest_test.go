package wstest_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/wstest"
)

func TestGoodLayer(t *testing.T) {
	e := newEngine(t, "")
	wstest.TestLayer(t, func(t *testing.T) channels.Layer { return &engineLayer{e} }, &wstest.LayerOptions{Cut: e.cut})
}

// Each of these layers breaks one rule. The subtest that is about the rule must
// fail and say so.
func TestBadLayers(t *testing.T) {
	tests := []struct{ flaw, fails, says string }{
		{"is for one process", "delivery", "given 3 of 6 messages"},
		{"is for other processes", "delivery", "given 3 of 6 messages"},
		{"duplicates", "delivery", "twice"},
		{"calls gap for nothing", "delivery", "gap was called though nothing was lost"},
		{"subscribes a little later", "in force at once", `want ["at once"]`},
		{"reorders", "order", "after message"},
		{"duplicates", "order", "twice"},
		{"has one subscription per topic", "several subscriptions", "given 0 of 10 messages"},
		{"cancels all of a topic", "several subscriptions", "message 10 of publisher a is the first that is missing"},
		{"takes prefixes", "topics are apart", "want [\"to "},
		{"ignores case", "topics are apart", "want [\"to "},
		{"takes any topic", "topic names", `Subscribe to the topic "a*" is not refused`},
		{"truncates", "sizes", "(65535 bytes)"},
		{"takes any size", "sizes", "Publish of 1048577 bytes is not refused"},
		{"keeps the publisher's bytes", "bytes", "message 1 of publisher a twice"},
		{"reuses its buffer", "bytes", "have changed after deliver returned"},
		{"delivers what is queued", "cancel", "deliver was called after cancel had returned"},
		{"leaves a call running", "cancel", "cancel returned while a call of deliver or gap was under way"},
		{"cannot be cancelled again", "cancel", "cancel when called again has not returned"},
		{"calls gap beside deliver", "order", "while another call of deliver or gap"},
		{"replays", "subscribe again", `want ["three"]`},
		{"ends with the context", "context", `want ["before", "after"]`},
		{"makes the publisher wait", "nobody waits", "the last of 500 times Publish has not returned"},
		{"one call at a time", "concurrent calls", "busy"},
		{"leaks", "goroutines", "50 goroutines are left of 50 subscriptions"},
		{"misses a gap", "outage", "gap was not called"},
		{"loses a subscription in an outage", "outage", "a message published after gap was called has not been delivered"},
		{"calls gap too early", "outage", "a message published after gap was called has not been delivered"},
		{"sends twice after an outage", "outage", "twice"},
		{"publishes without end", "calls during an outage", "Publish with a context of 100 ms has not returned"},
		{"cancels without end", "calls during an outage", "cancel has not returned"},
		{"waits without end", "calls during an outage", "Subscribe has not returned"},
		{"subscribes later", "calls during an outage", "Subscribe during the outage returned"},
		{"forgets to cancel", "calls during an outage", "was called after cancel had returned"},
	}
	tried := map[string]bool{}
	for _, test := range tests {
		tried[test.fails] = true
		t.Run(test.flaw+"/"+test.fails, func(t *testing.T) {
			if test.fails != "goroutines" { // which it counts
				t.Parallel()
			}
			e := newEngine(t, test.flaw)
			report := wstest.TryLayer(test.fails, func() channels.Layer { return &engineLayer{e} },
				&wstest.LayerOptions{Cut: e.cut, Patience: 500 * time.Millisecond})
			if !strings.Contains(report, test.says) {
				t.Errorf("the report is %q, want it to contain %q", report, test.says)
			}
			if report != "" && !strings.Contains(report, "the rule: ") {
				t.Errorf("the report does not tell the rule: %q", report)
			}
		})
	}
	if diff := cmp.Diff(slices.Sorted(slices.Values(wstest.LayerCases())), slices.Sorted(maps.Keys(tried))); diff != "" {
		t.Errorf("rules and rules that a layer here breaks (-want +got):\n%s", diff)
	}
}

func TestMemoryLayer(t *testing.T) {
	var layer channels.MemoryLayer
	wstest.TestLayer(t, func(*testing.T) channels.Layer { return &layer }, &wstest.LayerOptions{Synchronous: true})
}

// In a package's tests it is called from a function TestMyLayer(t *testing.T).
func ExampleTestLayer() {
	var t *testing.T
	var layer channels.MemoryLayer
	wstest.TestLayer(t, func(t *testing.T) channels.Layer { return &layer }, &wstest.LayerOptions{Synchronous: true})
}
