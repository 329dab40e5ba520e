package conform_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sluicehq/sluice/channels/internal/conform"
)

// A failure shows the rule, what was expected, and all that went over the wire.
func TestReport(t *testing.T) {
	cases := slices.DeleteFunc(conform.Cases(conform.Server), func(c conform.Case) bool {
		return c.Name != "6455/5.2 not minimal 1 in 16 bits text"
	})
	server := &refServer{limit: mutantLimit, defect: "accepts lengths that are not minimal"}
	all := judgeServer(t, server, &conform.Suite{}, cases)
	got := regexp.MustCompile(`(Accept: |Key: )\S+`).ReplaceAllString(all[cases[0].Name].Detail, "${1}…")
	got = regexp.MustCompile(` +\n`).ReplaceAllString(got, "\n")
	want := strings.TrimPrefix(`
case:     6455/5.2 not minimal 1 in 16 bits text
rule:     a length is written with as few bytes as possible (RFC 6455, Section 5.2)
expected: a close frame with 1002, then the end of the connection
got:      a text message of 1 bytes, "a"
  client      GET /echo HTTP/1.1
              Host: example.com
              Upgrade: websocket
              Connection: Upgrade
              Sec-WebSocket-Key: …
              Sec-WebSocket-Version: 13
              (empty line)
  server      HTTP/1.1 101 Switching Protocols
              Connection: Upgrade
              Sec-Websocket-Accept: …
              Upgrade: websocket
              (empty line)
              FIN RSV opcode  MASK length                    key       payload
  client      1   000 0001    1    1111110 0x0001            87a2f165  "a"  text  <- wrong
  server      1   000 0001    0    0000001                   -         "a"  text
`, "\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
}

// A server that says nothing is told from one that says something wrong.
func TestReportOfSilence(t *testing.T) {
	cases := slices.DeleteFunc(conform.Cases(conform.Server), func(c conform.Case) bool {
		return c.Name != "6455/5.5.2 ping with 4 bytes"
	})
	server := &refServer{limit: mutantLimit, defect: "ignores pings"}
	got := judgeServer(t, server, &conform.Suite{}, cases)[cases[0].Name].Detail
	for _, part := range []string{
		"expected: a pong with \"abcd\"\ngot:      nothing came in time\n",
		"  after 10s: nothing more came\n",
	} {
		if !strings.Contains(got, part) {
			t.Errorf("%q is not in\n%s", part, got)
		}
	}
}

// A server that passes over what is wrong is asked whether it is still there.
func TestReportOfDoubt(t *testing.T) {
	cases := slices.DeleteFunc(conform.Cases(conform.Server), func(c conform.Case) bool {
		return c.Name != "6455/5.1 unmasked pong"
	})
	server := &refServer{limit: mutantLimit, defect: "accepts frames of either masking"}
	got := judgeServer(t, server, &conform.Suite{}, cases)[cases[0].Name].Detail
	for _, part := range []string{
		"got:      nothing, and then the answer to a ping: the connection goes on\n",
		"  after 2s: nothing has come\n",
	} {
		if !strings.Contains(got, part) {
			t.Errorf("%q is not in\n%s", part, got)
		}
	}
}
