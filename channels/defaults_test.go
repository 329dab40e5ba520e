package channels_test

import (
	"go/ast"
	"go/constant"
	"go/parser"
	"go/printer"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// defaults are what docs/limits.md says of constants: in the row that has what, the
// text that stands for the constant's value.
var defaults = []struct {
	dir, name string
	value     int64
	what, is  string
}{
	{".", "defaultMessageSize", 1 << 20, "`Limits.MessageSize`", "1 MiB"},
	{".", "defaultFragments", 1024, "`Limits.Fragments`", "1,024"},
	{".", "defaultMessageTime", 60e9, "`Limits.MessageTime`", "1 minute"},
	{".", "messageQuantum", 64 << 10, "`Limits.MessageTime`", "64 KiB"},
	{".", "defaultControls", 100, "`Limits.ControlsPerSecond`", "100"},
	{".", "defaultWriteTimeout", 10e9, "`WriteTimeout`", "10 s"},
	{".", "writeQuantum", 64 << 10, "`WriteTimeout`", "64 KiB"},
	{".", "defaultCloseTimeout", 5e9, "`CloseTimeout`", "5 s"},
	{".", "defaultPingInterval", 30e9, "`PingInterval`", "30 s"},
	{".", "defaultThreshold", 256, "`Compression.Threshold`", "256 bytes"},
	{".", "defaultDialTimeout", 30e9, "`DialOptions.Timeout`", "30 s"},
	{".", "defaultQueueMessages", 256, "`Server.Queue.Messages`", "256"},
	{".", "defaultQueueBytes", 1 << 20, "`Server.Queue.Bytes`", "1 MiB"},
	{".", "defaultMaxGroups", 1000, "`Server.MaxGroups`", "1,000"},
	{".", "defaultPark", 2e9, "`Server.Park`", "2 s"},
	{".", "defaultDrainWindow", 5e9, "`Server.DrainWindow`", "5 s"},
	{".", "defaultHeartbeat", 10e9, "`Server.Heartbeat`", "10 s"},
	{".", "minHeartbeat", 100e6, "`Server.Heartbeat`", "100 ms"},
	{".", "defaultOpenTimeout", 10e9, "`Protocol.OpenTimeout`", "10 s"},
	{".", "defaultRecheckInterval", 60e9, "`Guard.Interval`", "1 minute"},
	{".", "maxGroupName", 100, "name of a group", "100"},
	{"internal/roster", "MaxKey", 256, "key of a member", "256 bytes"},
	{"internal/roster", "MaxMeta", 1 << 10, "metadata of a member", "1 KiB"},
	{"internal/roster", "MaxOwn", 1 << 16, "sockets that one process shows", "65,536"},
	{".", "maxEvents", 1024, "events that wait", "1,024"},
	{".", "maxLayerMessage", 1 << 20, "message of a layer", "1 MiB"},
	{".", "maxReason", 123, "reason in a close frame", "123 bytes"},
	{".", "maxResponseHeader", 64 << 10, "header of a response", "64 KiB"},
	{".", "maxResponseBody", 4 << 10, "body of a refusal", "4 KiB"},
	{"internal/handshake", "maxSubprotocols", 32, "subprotocols that", "32"},
	{"internal/handshake", "maxListLength", 8 << 10, "subprotocols that", "8 KiB"},
	{"internal/handshake", "maxExtensions", 16, "extensions that", "16"},
	{"auth", "defaultInterval", 60e9, "`auth.Gate.RecheckInterval`", "1 minute"},
	{"auth", "defaultGrace", 300e9, "`auth.Gate.RecheckGrace`", "5 minutes"},
	{"auth", "defaultFirstTimeout", 10e9, "`auth.FirstMessage.Timeout`", "10 s"},
	{"auth", "defaultFirstLimit", 4 << 10, "`auth.FirstMessage.Limit`", "4 KiB"},
	{"auth", "defaultTicketTTL", 30e9, "`auth.Tickets.TTL`", "30 s"},
	{"auth", "defaultIterations", 600_000, "`auth.Passwords.Iterations`", "600,000"},
	{"auth", "defaultMaxIterations", 2_000_000, "`auth.Passwords.MaxIterations`", "2,000,000"},
	{"auth", "waitersPerSlot", 100, "`auth.Passwords.Concurrency`", "100"},
	{"auth", "maxUsername", 512, "user name", "512 bytes"},
	{"auth", "maxPassword", 4096, "| password |", "4,096 bytes"},
	{"auth", "maxToken", 8192, "bearer token", "8,192 bytes"},
	{"auth", "maxTickets", 100_000, "tickets in memory", "100,000"},
	{"sessions", "defaultLifetime", 14 * 24 * 3600e9, "`sessions.Manager.Lifetime`", "14 days"},
	{"sessions", "defaultMaxBytes", 64 << 20, "`sessions.MemoryStore.MaxBytes`", "64 MiB"},
	{"sessions", "maxCookie", 4096, "session in a cookie", "4,096 bytes"},
	{"sessions", "maxCookieHeader", 64 << 10, "fields `Cookie`", "64 KiB"},
	{"sessions", "maxCookiePairs", 1000, "fields `Cookie`", "1,000"},
	{"sessions", "maxKeys", 1024, "keys of a session", "1,024"},
	{"sessions", "maxDepth", 64, "keys of a session", "64"},
}

// docs/limits.md has every default, and each is the one in the code.
func TestLimitsDocument(t *testing.T) {
	b, err := os.ReadFile("../docs/limits.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.Split(string(b), "\n")
	constants := map[string]map[string]int64{}
	told := map[string]bool{}
	for _, d := range defaults {
		if constants[d.dir] == nil {
			constants[d.dir] = integers(t, d.dir)
		}
		if got, ok := constants[d.dir][d.name]; !ok || got != d.value {
			t.Errorf("%s in %s is %d, the test and the page say %d", d.name, d.dir, got, d.value)
		}
		told[d.dir+d.name] = true
		found := false
		for _, row := range rows {
			found = found || strings.HasPrefix(row, "|") && strings.Contains(row, d.what) && strings.Contains(row, d.is)
		}
		if !found {
			t.Errorf("no row says that %s is %s", d.what, d.is)
		}
	}
	for dir, all := range constants {
		for name := range all {
			if strings.HasPrefix(name, "default") && !told[dir+name] {
				t.Errorf("%s in %s is not on the page", name, dir)
			}
		}
	}
}

// integers returns the integer constants that a package declares with an expression
// of numbers and durations.
func integers(t *testing.T, dir string) map[string]int64 {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	units := strings.NewReplacer("time.Millisecond", "1000000", "time.Second", "1000000000",
		"time.Minute", "60000000000", "time.Hour", "3600000000000")
	all := map[string]int64{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Names) != 1 || len(spec.Values) != 1 {
				return true
			}
			var expr strings.Builder
			printer.Fprint(&expr, fset, spec.Values[0])
			v, err := types.Eval(token.NewFileSet(), nil, token.NoPos, units.Replace(expr.String()))
			if err != nil || v.Value == nil {
				return true
			}
			if i, exact := constant.Int64Val(constant.ToInt(v.Value)); exact {
				all[spec.Names[0].Name] = i
			}
			return true
		})
	}
	return all
}
