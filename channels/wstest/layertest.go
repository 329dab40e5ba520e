package wstest

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluicehq/sluice/channels"
)

// TestLayer checks that a [channels.Layer] keeps its contract: order, delivery at
// most once, subscriptions that are in force when Subscribe returns and over when
// cancel does, topics, sizes, ownership of bytes, and what happens when the
// engine cannot be reached. Each rule is a subtest, and a failure says which rule
// is broken and what to look for.
//
// NewLayer returns a layer that stands for a process of its own. It is called one
// to three times in a subtest, and the layers it returns there must be connected
// to the same engine; for a layer that stays in the process it may return the same
// one each time. What it opens it closes in t.Cleanup. Topics have random names,
// but for the few that are one or two bytes long.
//
// Goroutines are counted, so the test must not run in parallel with others. A run
// takes about two seconds. Use -race: some rules are broken only for an instant.
func TestLayer(t *testing.T, newLayer func(t *testing.T) channels.Layer, opts *LayerOptions) {
	t.Helper()
	suite := newLayerSuite(opts)
	for _, test := range layerCases {
		t.Run(test.name, func(t *testing.T) {
			suite.run(t, test, func() channels.Layer { return newLayer(t) })
		})
	}
}

// LayerOptions tell [TestLayer] about the layer. Nil is as the zero value.
type LayerOptions struct {
	// Cut lets TestLayer see what the layer does when the engine cannot be reached;
	// without it those subtests are skipped. It breaks the connections of every layer
	// that newLayer has returned in the subtest, and lets no other be made until
	// restore is called.
	Cut func() (restore func())

	// Synchronous is for a layer that calls deliver from Publish, as one that stays in
	// the process may: the subtest in which deliver blocks is skipped.
	Synchronous bool

	// Settle is for an engine of several nodes, which take so long to tell each other
	// of a subscription: TestLayer does not publish before. Default 0.
	Settle time.Duration

	// Patience is how long TestLayer waits for what must happen: a delivery, the
	// return of a call, and the gap after an outage, counted from restore. Default
	// 10 s.
	Patience time.Duration
}

// quiet is how long TestLayer watches for what must not happen, after something
// that was published later has been delivered.
const quiet = 50 * time.Millisecond

type layerSuite struct{ LayerOptions }

func newLayerSuite(opts *LayerOptions) *layerSuite {
	s := new(layerSuite)
	if opts != nil {
		s.LayerOptions = *opts
	}
	if s.Patience == 0 {
		s.Patience = 10 * time.Second
	}
	return s
}

// A layerCase is one rule of the contract. Why is printed when it is broken.
type layerCase struct {
	name   string
	why    string
	run    func(*layerRun)
	blocks bool // deliver blocks in it
	outage bool // the engine is cut off in it
}

// run checks one rule. It takes a testing.TB so that the suite can be tried on
// layers that break rules.
func (s *layerSuite) run(t testing.TB, test layerCase, newLayer func() channels.Layer) {
	t.Helper()
	if test.blocks && s.Synchronous {
		t.Skip("the layer calls deliver from Publish: a deliver that blocks is not for it")
	}
	if test.outage && s.Cut == nil {
		t.Skip("no Cut in the options: what happens without the engine is not tried")
	}
	r := &layerRun{TB: t, layerSuite: s, newLayer: newLayer, prefix: strings.ToLower(rand.Text()[:8])}
	defer func() {
		for _, sink := range r.sinks {
			sink.check()
		}
		if t.Failed() {
			t.Logf("the rule: %s", test.why)
		}
	}()
	test.run(r)
}

// A layerRun is one rule being checked.
type layerRun struct {
	testing.TB
	*layerSuite
	newLayer func() channels.Layer
	prefix   string
	topics   int
	sinks    []*layerSink
}

func (r *layerRun) layer() channels.Layer {
	r.Helper()
	layer := r.newLayer()
	if layer == nil {
		r.Fatalf("newLayer returned nil")
	}
	return layer
}

// topic returns a topic that nobody has used.
func (r *layerRun) topic() string {
	r.topics++
	return fmt.Sprintf("%s.%d", r.prefix, r.topics)
}

// within fails the test when call does not return in time.
func (r *layerRun) within(what string, call func()) {
	r.Helper()
	done := make(chan struct{})
	go func() { // ends with call; a call that never returns is what the test fails for
		defer close(done)
		call()
	}()
	select {
	case <-done:
	case <-time.After(r.Patience):
		r.Fatalf("%s has not returned after %v", what, r.Patience)
	}
}

func (r *layerRun) publish(layer channels.Layer, topic string, msg []byte) {
	r.Helper()
	var err error
	r.within("Publish", func() { err = layer.Publish(r.Context(), topic, msg) })
	if err != nil {
		r.Fatalf("Publish to %q of %d bytes: %v", topic, len(msg), err)
	}
}

// publishNumbered publishes the messages first to last-1 of a publisher.
func (r *layerRun) publishNumbered(layer channels.Layer, topic, publisher string, first, last int) {
	r.Helper()
	var err error
	r.within(fmt.Sprintf("the last of %d times Publish", last-first), func() {
		for i := first; i < last && err == nil; i++ {
			err = layer.Publish(r.Context(), topic, numbered(publisher, i))
		}
	})
	if err != nil {
		r.Fatalf("Publish to %q: %v", topic, err)
	}
}

// numbered is message i of a publisher.
func numbered(publisher string, i int) []byte { return fmt.Appendf(nil, "%s %d", publisher, i) }

func (r *layerRun) subscribe(layer channels.Layer, topic string) *layerSink {
	r.Helper()
	return r.subscribeSink(layer, &layerSink{topic: topic})
}

// subscribeSink is subscribe for a sink of which during or noGap is set.
func (r *layerRun) subscribeSink(layer channels.Layer, sink *layerSink) *layerSink {
	r.Helper()
	if err := r.trySubscribe(r.Context(), layer, sink); err != nil {
		r.Fatalf("Subscribe to %q: %v", sink.topic, err)
	}
	return sink
}

func (r *layerRun) trySubscribe(ctx context.Context, layer channels.Layer, sink *layerSink) error {
	r.Helper()
	sink.run = r
	sink.changed = make(chan struct{}, 1)
	gap := sink.gap
	if sink.noGap {
		gap = nil
	}
	var cancel func() error
	var err error
	r.within("Subscribe", func() { cancel, err = layer.Subscribe(ctx, sink.topic, sink.deliver, gap) })
	if err != nil {
		return err
	}
	if cancel == nil {
		r.Fatalf("Subscribe to %q returned no error and no cancel", sink.topic)
	}
	time.Sleep(r.Settle)
	sink.end = sync.OnceValue(cancel)
	sink.again = cancel
	r.sinks = append(r.sinks, sink)
	r.Cleanup(func() { sink.end() })
	return nil
}
