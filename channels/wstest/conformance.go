package wstest

import (
	"context"
	"crypto/tls"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/channels/internal/conform"
)

// A Target is an echo server for [TestServer]: one that sends every text and binary
// message back to whoever sent it, in order, as a message of the same type, until the
// connection is closed.
type Target struct {
	// Handler is served at a port of 127.0.0.1 for the time of the test.
	Handler http.Handler

	// URL of a server that runs somewhere, ws:// or wss://, in whatever language.
	// With Handler, the path and the query that the handler is asked for; "/" by
	// default.
	URL string

	// Header is sent with every opening handshake: an Origin or a Cookie, for
	// example, that the server insists on. Default: none.
	Header http.Header

	// TLSConfig is for wss://. Default: the system's roots.
	TLSConfig *tls.Config

	// NetDial connects to the server. Default: by TCP.
	NetDial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// Conformance says what [TestServer] and [TestClient] may expect. The zero value
// expects all that the RFCs demand, and nothing of what they leave open.
type Conformance struct {
	// MessageLimit is how many bytes a message to the endpoint may have, after
	// decompression. With it the cases of the limit are run, and no message is
	// sent that is over it elsewhere. 0: unknown; then messages of up to 16 MiB
	// have to be echoed.
	MessageLimit int64

	// RequireCompression makes it a failure when permessage-deflate is not agreed
	// on at all. Parameters may be declined in any case.
	RequireCompression bool

	// CaseTimeout is how long each case may take, and again for each megabyte that
	// it sends: an endpoint that is silent when it should answer, or close, fails by
	// it. After a fifth of it, one that should have closed is asked by a ping whether
	// it goes on. Default 10 s, which gives those time that wait for the answer to a
	// close frame. An endpoint that conforms is not waited for, so that a long one
	// does no harm where machines are busy; 2 s make it quick to work on one that
	// does not.
	CaseTimeout time.Duration

	// Skip has the reasons why cases are not run, by the cases' names. A name that
	// ends with "*" is that of all cases that begin so.
	Skip map[string]string

	// Deviations has the reasons why cases fail, by the cases' names. They are run,
	// and it is an error when one of them passes: it can be struck off the list.
	Deviations map[string]string
}

// TestServer judges a WebSocket server by RFC 6455 and RFC 7692, with more than a
// thousand cases: opening handshakes, framing, masking, fragmentation, control
// frames, UTF-8, closing handshakes and close codes, limits, large messages in odd
// pieces, and permessage-deflate with all its parameters. Each case is a subtest,
// named by RFC and section, on a connection of its own. All of them take about 4 s
// together; where a server is silent that should not be, another 10 s, see
// [Conformance.CaseTimeout].
//
// What an implementation may choose is left to it: it may refuse compression, or
// parameters of it, answer only the last of several pings, and refuse frames sent
// before the handshake was answered. A case that depends on such a choice is
// skipped, and says what was declined. Where the RFCs allow what is dangerous, the
// suite is on the safe side: two keys, lists of versions or content in an opening
// handshake are to be refused, text is to be refused at its first byte that is not
// UTF-8, and close codes are to be those of the IANA registry.
//
// A failure says which rule was broken, what was expected, and draws all that went
// over the connection, frames as bits.
func TestServer(t *testing.T, target Target, opts *Conformance) {
	t.Helper()
	suite, err := target.suite(t)
	if err != nil {
		t.Fatal(err)
	}
	run(t, suite, conform.Server, opts)
}

// suite says how to reach the target, which it starts where it is a handler.
func (target Target) suite(t *testing.T) (*conform.Suite, error) {
	raw := target.URL
	if target.Handler != nil {
		server := httptest.NewServer(target.Handler)
		t.Cleanup(server.Close)
		raw = "ws" + strings.TrimPrefix(server.URL, "http") + "/" + strings.TrimPrefix(pathOf(raw), "/")
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("wstest: Target.URL: %w", err)
	}
	if u.Scheme != "ws" && u.Scheme != "wss" || u.Host == "" {
		return nil, fmt.Errorf(`wstest: a Target needs a Handler, or a URL as "ws://127.0.0.1:8080/echo"; it has %q`, raw)
	}
	return &conform.Suite{URL: u, Header: target.Header, TLS: target.TLSConfig, Dial: target.NetDial}, nil
}

// pathOf drops scheme and host.
func pathOf(raw string) string {
	if _, rest, ok := strings.Cut(raw, "://"); ok {
		_, raw, _ = strings.Cut(rest, "/")
	}
	return raw
}

// TestClient judges a WebSocket client as [TestServer] does servers. Echo is called
// for each case, also several times at once. It has to
//
//   - connect to the URL, offering permessage-deflate or not, and no subprotocol;
//   - send every text and binary message back, in order, as a message of the same
//     type, without limits on their number and rate;
//   - return when the connection has ended, for whatever reason, or ctx has.
//
// Its error counts for opening handshakes that a client has to refuse: there it has
// to return one. What happens on the wire is what else is judged.
func TestClient(t *testing.T, echo func(ctx context.Context, url string) error, opts *Conformance) {
	t.Helper()
	run(t, &conform.Suite{Client: echo}, conform.Client, opts)
}

// atOnce is how many cases run at the same time, so that waiting for silent endpoints
// does not add up, and large how many of those that move much.
const (
	atOnce = 64
	large  = 3
)

// run makes a subtest of each case. The case itself is started in a goroutine when
// its subtest is, and the subtests then wait for them in parallel: many more are
// under way than -parallel allows, and -run is respected.
func run(t *testing.T, suite *conform.Suite, role conform.Role, opts *Conformance) {
	if opts == nil {
		opts = &Conformance{}
	}
	suite.MessageLimit = max(0, opts.MessageLimit)
	suite.RequireCompression = opts.RequireCompression
	suite.Timeout = opts.CaseTimeout
	cases := conform.Cases(role)
	opts.complainOfUnknown(t, cases)

	opts.tryFirst(t, suite, cases)

	var total tally
	t.Cleanup(func() { t.Log(&total) })
	slots, largeSlots := make(chan struct{}, atOnce), make(chan struct{}, large)
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			if why := opts.skipped(c.Name); why != "" {
				total.skipped.Add(1)
				t.Skip(why)
			}
			result := make(chan conform.Result, 1)
			go func() { // ends with the case; the subtest waits for its result
				if suite.Heavy(&c) {
					largeSlots <- struct{}{}
					defer func() { <-largeSlots }()
				}
				slots <- struct{}{}
				defer func() { <-slots }()
				result <- suite.Run(context.Background(), &c)
			}()
			t.Parallel()
			opts.report(t, &total, c.Name, <-result)
		})
	}
}

// report makes the result of a case that of its subtest.
func (opts *Conformance) report(t *testing.T, total *tally, name string, r conform.Result) {
	why, listed := opts.Deviations[name]
	switch v, text := judge(r, listed, why); v {
	case passed:
		total.passed.Add(1)
	case failed:
		total.failed.Add(1)
		t.Error(text)
	case deviates:
		total.deviations.Add(1)
		t.Log(text)
	case declined:
		total.declined.Add(1)
		t.Skip(text)
	}
}

// tryFirst plays the simplest case before all others: where not even that works, a
// thousand failures say no more than one.
func (opts *Conformance) tryFirst(t *testing.T, suite *conform.Suite, cases []conform.Case) {
	t.Helper()
	i := slices.IndexFunc(cases, func(c conform.Case) bool { return c.First })
	if _, deviates := opts.Deviations[cases[i].Name]; deviates || opts.skipped(cases[i].Name) != "" {
		return
	}
	if r := suite.Run(t.Context(), &cases[i]); r.Outcome == conform.Failed {
		t.Fatalf("nothing can be judged before this works:\n%s", r.Detail)
	}
}

// skipped returns the reason not to run a case, or "".
func (opts *Conformance) skipped(name string) string {
	for pattern, why := range opts.Skip {
		if matches(pattern, name) {
			if why == "" {
				why = "without a reason"
			}
			return "skipped: " + why
		}
	}
	return ""
}

func matches(pattern, name string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(name, prefix)
	}
	return pattern == name
}

// complainOfUnknown keeps the lists honest.
func (opts *Conformance) complainOfUnknown(t *testing.T, cases []conform.Case) {
	t.Helper()
	for _, pattern := range slices.Sorted(maps.Keys(opts.Skip)) {
		if !slices.ContainsFunc(cases, func(c conform.Case) bool { return matches(pattern, c.Name) }) {
			t.Errorf("Skip: no case is called %q", pattern)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(opts.Deviations)) {
		if !slices.ContainsFunc(cases, func(c conform.Case) bool { return c.Name == name }) {
			t.Errorf("Deviations: no case is called %q", name)
		}
	}
}
