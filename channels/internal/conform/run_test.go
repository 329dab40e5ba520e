package conform_test

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/channels/internal/conform"
	"github.com/sluicehq/sluice/channels/internal/leak"
	"github.com/sluicehq/sluice/channels/internal/memnet"
)

func TestMain(m *testing.M) { leak.Main(m) }

// results runs all cases of a suite, many at once, and returns what came of them.
func results(s *conform.Suite, cases []conform.Case) map[string]conform.Result {
	var mu sync.Mutex
	all := map[string]conform.Result{}
	slots := make(chan struct{}, 16)
	var wg sync.WaitGroup
	for _, c := range cases {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			r := s.Run(context.Background(), &c)
			mu.Lock()
			defer mu.Unlock()
			all[c.Name] = r
		})
	}
	wg.Wait()
	return all
}

// judgeServer runs the suite against a handler in memory, where time is not real:
// a server that does not answer costs none.
func judgeServer(t *testing.T, handler http.Handler, s *conform.Suite, cases []conform.Case) map[string]conform.Result {
	var all map[string]conform.Result
	synctest.Test(t, func(t *testing.T) {
		l := memnet.Listen()
		server := &http.Server{Handler: handler}
		served := make(chan error, 1)
		go func() { served <- server.Serve(l) }()
		s.URL = &url.URL{Scheme: "ws", Host: "example.com", Path: "/echo"}
		s.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) { return l.Dial(ctx) }
		all = results(s, cases)
		server.Close()
		<-served
	})
	return all
}

// count logs how many cases had which outcome, and reports those that failed.
func count(t *testing.T, all map[string]conform.Result) {
	t.Helper()
	var n [3]int
	for _, r := range all {
		n[r.Outcome]++
		if r.Outcome == conform.Failed {
			t.Errorf("\n%s", r.Detail)
		}
	}
	t.Logf("%d cases: %d passed, %d failed, %d declined", len(all), n[conform.Passed], n[conform.Failed], n[conform.Declined])
}

// The reference server is right.
func TestReferenceServer(t *testing.T) {
	for _, server := range []*refServer{
		{limit: mutantLimit, deflate: true},
		{limit: mutantLimit},
		{limit: 16 << 20, deflate: true},
	} {
		if server.limit > mutantLimit && race {
			continue // ten times as slow
		}
		suite := &conform.Suite{MessageLimit: int64(server.limit), RequireCompression: server.deflate}
		count(t, judgeServer(t, server, suite, conform.Cases(conform.Server)))
	}
}

// Compressed text may be refused as it comes, or when it is complete: of that, the
// cases say that it was so.
func TestUnfinishedCompressedText(t *testing.T) {
	cases := slices.DeleteFunc(conform.Cases(conform.Server), func(c conform.Case) bool {
		return !strings.HasPrefix(c.Name, "6455/8.1 invalid compressed text in the ")
	})
	for defect, want := range map[string]conform.Outcome{
		"":                               conform.Passed,
		"checks UTF-8 of whole messages": conform.Declined,
		"does not check the UTF-8 of compressed text": conform.Failed,
		"fails with 1002 for everything":              conform.Failed,
	} {
		server := &refServer{limit: mutantLimit, deflate: true, defect: defect}
		for name, r := range judgeServer(t, server, &conform.Suite{RequireCompression: true}, cases) {
			if r.Outcome != want {
				t.Errorf("%q, %s: outcome %d, want %d: %s", defect, name, r.Outcome, want, r.Detail)
			}
		}
	}
}

// A client that neither connects nor heeds its context fails, and does not stop the suite.
func TestClientThatIgnoresItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		s := &conform.Suite{
			Client: func(context.Context, string) error { <-release; return nil },
			Listen: func() (net.Listener, error) { return memnet.Listen(), nil },
		}
		begun := time.Now()
		got := s.Run(t.Context(), &conform.Cases(conform.Client)[0])
		if got.Outcome != conform.Failed || !strings.Contains(got.Detail, "does not return") {
			t.Errorf("the suite says %+v", got)
		}
		if took := time.Since(begun); took > time.Minute {
			t.Errorf("it took %v", took)
		}
		close(release)
	})
}
