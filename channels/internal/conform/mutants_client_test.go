package conform_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/sluicehq/sluice/channels/internal/conform"
	"github.com/sluicehq/sluice/channels/internal/memnet"
)

// A lab is a network in memory on which listeners are found by their address.
type lab struct {
	mu   sync.Mutex
	made int
	all  map[string]*memnet.Listener
}

func (l *lab) listen() (net.Listener, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.made++
	config := memnet.Config{Server: netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), uint16(1000+l.made))}
	listener := config.Listen()
	if l.all == nil {
		l.all = map[string]*memnet.Listener{}
	}
	l.all[listener.Addr().String()] = listener
	return listener, nil
}

func (l *lab) dial(ctx context.Context, addr string) (net.Conn, error) {
	l.mu.Lock()
	listener := l.all[addr]
	l.mu.Unlock()
	if listener == nil {
		return nil, errors.New("nobody is at " + addr)
	}
	return listener.Dial(ctx)
}

// judgeClient runs the suite against a client in memory.
func judgeClient(t *testing.T, client *refClient, cases []conform.Case) map[string]conform.Result {
	var all map[string]conform.Result
	synctest.Test(t, func(t *testing.T) {
		network := &lab{}
		client.dial = network.dial
		all = results(&conform.Suite{
			Client: client.echo, Listen: network.listen,
			MessageLimit: int64(client.limit), RequireCompression: client.deflate,
		}, cases)
	})
	return all
}

// The reference client is right.
func TestReferenceClient(t *testing.T) {
	for _, client := range []*refClient{
		{limit: mutantLimit, deflate: true},
		{limit: mutantLimit},
		{limit: 16 << 20, deflate: true},
	} {
		if client.limit > mutantLimit && race {
			continue // ten times as slow
		}
		t.Run(fmt.Sprint(client.limit, client.deflate), func(t *testing.T) {
			count(t, judgeClient(t, client, conform.Cases(conform.Client)))
		})
	}
}

// refusedAnswers are the cases in which a client has to refuse the answer to its
// handshake.
var refusedAnswers = []string{"6455/4.1 refusal: *", "7692/7.1 bad answer*", "7692/7.1 *_* that *"}

// acceptedAnswers are all others.
var acceptedAnswers = func() []string {
	all := []string{"*"}
	for _, p := range refusedAnswers {
		all = append(all, "!"+p)
	}
	return all
}()

var clientMutants = []mutant{
	{"drops the query", []string{"6455/4.1 request line"}},
	{"drops the port from Host", []string{"6455/4.1 request: Host"}},
	{"has version 8", []string{"6455/4.1 request: Sec-WebSocket-Version"}},
	{"has a key of 15 bytes", []string{"6455/4.1 request: Sec-WebSocket-Key"}},
	{"uses the same key always", []string{"6455/4.1 request: fresh key"}},
	{"masks with the same key always", []string{"6455/5.3 fresh masking keys"}},
	{"masks the wrong way around", acceptedAnswers},
	{"loses what comes behind the answer", []string{"6455/4.1 behind the answer*"}},
	{"does not look at the status", []string{"6455/4.1 refusal: status*"}},
	{"does not look at Upgrade in the answer", []string{"6455/4.1 refusal: *Upgrade*", "!*426"}},
	{"does not look at Connection in the answer", []string{"6455/4.1 refusal: *Connection*"}},
	{"does not look at Sec-WebSocket-Accept", []string{"6455/4.1 refusal: *Sec-WebSocket-Accept*"}},
	{"compares Sec-WebSocket-Accept without regard to case", []string{"6455/4.1 refusal: Sec-WebSocket-Accept in another case"}},
	{"accepts a subprotocol that was not offered", []string{"6455/4.1 refusal: subprotocol*"}},
	{"accepts extensions that were not offered", []string{"6455/4.1 refusal: extension*", "7692/7.1 bad answer, another name",
		"7692/7.1 bad answer, twice"}},
	{"ignores what is wrong with the answer", with(refusedAnswers, "!* garbage", "!* frame instead*")},
	{"accepts client_max_window_bits that it has not offered", []string{"7692/7.1 client_max_window_bits that*"}},
	{"does not miss server_no_context_takeover", []string{"7692/7.1 server_no_context_takeover that*"}},
	{"does not return when the connection has ended", acceptedAnswers},
	{"accepts frames of either masking", []string{"6455/5.1 masked *"}},
	{"accepts reserved bits", []string{"6455/5.2 reserved bits*", "6455/7.1.7 *", "7692/6 reserved bits*", "7692/6.1 RSV1*"}},
	{"accepts lengths that are not minimal", []string{"6455/5.2 not minimal*"}},
	{"accepts continuations of nothing", []string{"6455/5.4 continuation *"}},
	{"ignores pings", with(unanswered, "6455/4.1 behind the answer, messages and pings")},
	{"does not check UTF-8", with(wrongText, "6455/8.1 invalid compressed*")},
	{"accepts any close code", []string{"6455/7.4 * not allowed*"}},
	{"accepts a close frame of one byte", []string{"6455/5.5.1 close with one byte*"}},
	{"answers any close frame with 1000", []string{"6455/7.4 close code *", "!* not allowed*", "!6455/7.4 close code 1000*",
		"6455/5.5.1 close within a message, after a ping"}},
	{"has a limit for frames, not for messages", []string{"6455/10.4 limit passed by *", "!*one byte*", "!*compressed*"}},
	{"delivers what it could decompress", []string{"7692/7.2.2 *", "7692/7.1.1 not before*", "!*dynamic block that is cut off"}},
}

// Each defect of the reference client is found.
func TestClientMutants(t *testing.T) {
	cases := conform.Cases(conform.Client)
	right := judgeClient(t, &refClient{limit: mutantLimit, deflate: true}, cases)
	t.Logf("%d mutants, %d cases", len(clientMutants), len(cases))
	for _, m := range slices.Clone(clientMutants) {
		t.Run(m.defect, func(t *testing.T) {
			t.Parallel()
			want := m.expected(t, cases)
			client := &refClient{limit: mutantLimit, deflate: true, defect: m.defect}
			compare(t, want, right, judgeClient(t, client, sample(cases, want)))
		})
	}
}
