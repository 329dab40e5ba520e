package wstest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/internal/leak"
)

var layerCases = []layerCase{
	{name: "delivery", run: layerDelivery,
		why: "what one process publishes is delivered, once, to every subscription in it and in the others"},
	{name: "in force at once", run: layerInForce,
		why: "a subscription is in force when Subscribe returns: what any process publishes from then on is delivered"},
	{name: "order", run: layerOrder,
		why: "what one goroutine publishes to a topic is delivered in that order; several publishers may be mixed"},
	{name: "several subscriptions", run: layerSubscriptions,
		why: "subscriptions of one topic are independent: each is given every message, also when others are cancelled"},
	{name: "topics are apart", run: layerTopicsApart,
		why: "a topic is compared byte by byte: it is no pattern and no prefix, and case counts"},
	{name: "topic names", run: layerTopicNames,
		why: "topics are 1 to 200 bytes of letters, digits, '.', '-', '_' and ':'; others are refused by Publish and Subscribe, " +
			"lest a name from outside be a pattern or a command to the engine"},
	{name: "sizes", run: layerSizes,
		why: "a message is any bytes, also none, up to 1 MiB; Publish refuses a larger one and the layer goes on"},
	{name: "bytes", run: layerBytes,
		why: "the publisher's bytes are its own again when Publish returns; what deliver was given never changes"},
	{name: "cancel", run: layerCancel,
		why: "when cancel has returned no call of deliver or gap is under way and none is made; cancelling again does nothing"},
	{name: "subscribe again", run: layerSubscribeAgain,
		why: "after cancel the topic can be subscribed to again; messages are not kept for those who come later"},
	{name: "context", run: layerContext,
		why: "the context bounds the call of Subscribe or Publish, not the subscription"},
	{name: "nobody waits", run: layerNobodyWaits, blocks: true,
		why: "Publish returns when the engine has the message: a receiver that is stuck holds up neither the publisher nor " +
			"the other processes"},
	{name: "concurrent calls", run: layerConcurrent,
		why: "all methods may be called from several goroutines at a time"},
	{name: "goroutines", run: layerGoroutines,
		why: "what a subscription has started ends with it"},
	{name: "outage", run: layerOutage, outage: true,
		why: "after the connection to the engine was lost it is made again by itself, each subscription is in force again, then " +
			"gap is called; messages may be missing but are in order and never there twice"},
	{name: "calls during an outage", run: layerCallsInOutage, outage: true,
		why: "no call waits for the engine longer than its context allows; a subscription that could not be made does not " +
			"come to life later, one that is cancelled stays so"},
}

func layerDelivery(r *layerRun) {
	a, b := r.layer(), r.layer()
	topic := r.topic()
	sinks := []*layerSink{r.subscribe(a, topic), r.subscribe(b, topic)}
	for i := range 3 {
		r.publish(a, topic, numbered("a", i))
		r.publish(b, topic, numbered("b", i))
	}
	for _, sink := range sinks {
		sink.wantNumbered(map[string]int{"a": 3, "b": 3})
	}
	time.Sleep(quiet)
	for _, sink := range sinks {
		sink.wantNoMore(6)
	}
}

func layerInForce(r *layerRun) {
	a, b := r.layer(), r.layer()
	for range 25 {
		for _, pair := range [][2]channels.Layer{{a, b}, {b, a}, {a, a}} {
			topic := r.topic()
			sink := r.subscribe(pair[0], topic)
			r.publish(pair[1], topic, []byte("at once"))
			sink.want("at once")
		}
	}
}

func layerOrder(r *layerRun) {
	a, b := r.layer(), r.layer()
	const each = 400
	topic := r.topic()
	sinks := []*layerSink{r.subscribe(a, topic), r.subscribe(b, topic)}
	want := map[string]int{}
	var publishers sync.WaitGroup
	var failed atomic.Pointer[error]
	for i, layer := range []channels.Layer{a, b, a, b} {
		name := fmt.Sprint("publisher", i)
		want[name] = each
		publishers.Go(func() {
			for i := range each {
				if err := layer.Publish(r.Context(), topic, numbered(name, i)); err != nil {
					failed.Store(&err)
					return
				}
			}
		})
	}
	r.within("Publish by 4 goroutines", publishers.Wait)
	if err := failed.Load(); err != nil {
		r.Fatalf("Publish to %q: %v", topic, *err)
	}
	for _, sink := range sinks {
		sink.wantNumbered(want)
	}
}

func layerSubscriptions(r *layerRun) {
	a, b := r.layer(), r.layer()
	topic := r.topic()
	ended := []*layerSink{r.subscribe(a, topic), r.subscribe(b, topic)}
	staying := []*layerSink{r.subscribe(a, topic), r.subscribe(b, topic), r.subscribe(a, topic)}
	all := slices.Concat(ended, staying)
	r.publishNumbered(a, topic, "a", 0, 10)
	for _, sink := range all {
		sink.wantNumbered(map[string]int{"a": 10})
	}
	for _, sink := range ended {
		sink.cancel()
	}
	r.publishNumbered(a, topic, "a", 10, 20)
	for _, sink := range staying {
		sink.wantNumbered(map[string]int{"a": 20})
	}
	time.Sleep(quiet)
	for _, sink := range ended {
		sink.wantNoMore(10)
	}
	for _, sink := range staying {
		sink.wantNoMore(20)
	}
}

func layerTopicsApart(r *layerRun) {
	a, b := r.layer(), r.layer()
	base := r.topic()
	topics := []string{base, base + ".", base + "..", base + ".x", base + ".X", base + ":x", base + ":", base + "x", base + "-",
		base + "_", "." + base, ":" + base, "-" + base, strings.ToUpper(base), base[1:], strings.ReplaceAll(base, ".", ":"),
		strings.ReplaceAll(base, ".", "_"), strings.ReplaceAll(base, ".", "-"), strings.ReplaceAll(base, ".", "")}
	var sinks []*layerSink
	for _, topic := range topics {
		sinks = append(sinks, r.subscribe(b, topic))
	}
	for _, topic := range topics {
		r.publish(a, topic, []byte("to "+topic))
	}
	for _, sink := range sinks {
		sink.want("to " + sink.topic)
	}
	time.Sleep(quiet)
	for _, sink := range sinks {
		sink.wantNoMore(1)
	}
}

func layerTopicNames(r *layerRun) {
	a, b := r.layer(), r.layer()
	const letters = "abcdefghijklmnopqrstuvwxyz"
	allowed := []string{
		"x", ".", "-", "_", ":", "..", ".a", "a.", "a..b", "0",
		letters + strings.ToUpper(letters) + "0123456789.-_:",
		strings.Repeat("x", 200),
	}
	for _, topic := range allowed {
		text := fmt.Sprintf("%d %s", len(topic), r.prefix)
		sink := r.subscribe(b, topic)
		r.publish(a, topic, []byte(text))
		sink.want(text)
		sink.cancel()
	}
	refused := []string{
		"", strings.Repeat("x", 201), "*", "a*", ">", "a.>", "a.*", "?", "[a]", "a b", " a", "a\tb", "a\r\nb", "a\x00b", "a/b", "a\\b",
		"{a}", "a\"b", "a#b", "a$b", "a%b", "a+b", "a@b", "a|b", "a~b", "é", "\xff", "a\u200bb",
	}
	for _, topic := range refused {
		if err := a.Publish(r.Context(), topic, []byte("x")); err == nil {
			r.Errorf("Publish to the topic %q is not refused", topic)
		}
		cancel, err := a.Subscribe(r.Context(), topic, func([]byte) {}, nil)
		if err == nil {
			r.Errorf("Subscribe to the topic %q is not refused", topic)
			cancel()
		}
	}
}

func layerSizes(r *layerRun) {
	const limit = 1 << 20
	a, b := r.layer(), r.layer()
	topic := r.topic()
	sink := r.subscribe(b, topic)
	all := make([]byte, limit+1)
	for i := range all {
		all[i] = byte(i + i>>8)
	}
	var want []string
	for _, size := range []int{0, 1, 255, 65_535, 65_536, limit} {
		r.publish(a, topic, all[:size])
		want = append(want, string(all[:size]))
	}
	var err error
	r.within("Publish", func() { err = a.Publish(r.Context(), topic, all) })
	if err == nil {
		r.Errorf("Publish of %d bytes is not refused", len(all))
	}
	r.publish(a, topic, nil)
	sink.want(append(want, "")...)
}

func layerBytes(r *layerRun) {
	a, b := r.layer(), r.layer()
	topic := r.topic()
	sinks := []*layerSink{r.subscribe(a, topic), r.subscribe(b, topic), r.subscribe(b, topic)}
	const n = 200
	buf := make([]byte, 0, 100)
	var err error
	r.within(fmt.Sprintf("the last of %d times Publish", n), func() {
		for i := 0; i < n && err == nil; i++ {
			buf = append(buf[:0], numbered("a", i)...)
			err = a.Publish(r.Context(), topic, buf)
			copy(buf, "!!!!!!!!")
		}
	})
	if err != nil {
		r.Fatalf("Publish to %q: %v", topic, err)
	}
	for _, sink := range sinks {
		sink.wantNumbered(map[string]int{"a": n}) // that given bytes have not changed is always checked
	}
}

func layerCancel(r *layerRun) {
	a, b := r.layer(), r.layer()
	topic := r.topic()
	stop := make(chan struct{})
	var storm sync.WaitGroup
	storm.Go(func() { // ended by stop
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				a.Publish(r.Context(), topic, numbered("a", i)) // what it is for is to be under way
			}
			if i%20 == 0 {
				time.Sleep(100 * time.Microsecond) // no flood, which could make a receiver slow
			}
		}
	})
	defer storm.Wait()
	defer close(stop)
	some := func(msgs []string, _ int) bool { return len(msgs) > 2 }
	for range 20 {
		for _, layer := range []channels.Layer{a, b} {
			sink := r.subscribe(layer, topic)
			if !sink.until(some) {
				r.Fatalf("subscription of %q is given nothing though messages are published all the time", topic)
			}
			sink.cancel()
			r.within("cancel when called again", func() { sink.again() })
		}
	}
	witness := r.subscribe(b, topic)
	witness.until(some)
	time.Sleep(quiet)
	witness.cancel()
}

func layerSubscribeAgain(r *layerRun) {
	a, b := r.layer(), r.layer()
	topic := r.topic()
	first := r.subscribe(b, topic)
	r.publish(a, topic, []byte("one"))
	first.want("one")
	first.cancel()
	r.publish(a, topic, []byte("two"))
	second := r.subscribe(b, topic)
	first.end()
	r.publish(a, topic, []byte("three"))
	second.until(func(msgs []string, _ int) bool { return slices.Contains(msgs, "three") })
	msgs, _ := second.got() // "two" may have been under way
	if slices.Contains(msgs, "one") || !slices.Contains(msgs, "three") {
		r.Fatalf("subscription of %q after another was given %s, want [\"three\"]", topic, briefs(msgs))
	}
}

func layerContext(r *layerRun) {
	a, b := r.layer(), r.layer()
	topic := r.topic()
	ctx, cancel := context.WithCancel(r.Context())
	sink := &layerSink{topic: topic}
	if err := r.trySubscribe(ctx, b, sink); err != nil {
		r.Fatalf("Subscribe to %q: %v", topic, err)
	}
	r.within("Publish", func() {
		if err := a.Publish(ctx, topic, []byte("before")); err != nil {
			r.Errorf("Publish: %v", err)
		}
	})
	sink.want("before")
	cancel()
	time.Sleep(quiet) // for what would end with it
	r.publish(a, topic, []byte("after"))
	sink.want("before", "after")

	// With a context that has ended already a call may succeed or fail, but not
	// half.
	late := &layerSink{topic: r.topic()}
	err := r.trySubscribe(ctx, b, late)
	r.publish(a, late.topic, []byte("x"))
	r.within("Publish", func() { a.Publish(ctx, topic, []byte("late")) })
	r.publish(a, topic, []byte("end"))
	sink.until(func(msgs []string, _ int) bool { return slices.Contains(msgs, "end") })
	if err == nil {
		late.want("x")
		return
	}
	time.Sleep(quiet)
	if msgs, _ := late.got(); len(msgs) > 0 {
		r.Errorf("Subscribe returned %v, but messages are delivered", err)
	}
}

func layerNobodyWaits(r *layerRun) {
	a, b := r.layer(), r.layer()
	topic := r.topic()
	release := make(chan struct{})
	free := sync.OnceFunc(func() { close(release) })
	defer free()
	stuck := r.subscribeSink(b, &layerSink{topic: topic, during: func() { <-release }})
	well := r.subscribe(r.layer(), topic)
	const n = 500
	r.publishNumbered(a, topic, "a", 0, n)
	well.wantNumbered(map[string]int{"a": n})
	free()
	stuck.wantNumbered(map[string]int{"a": n})
}

func layerConcurrent(r *layerRun) {
	layers := []channels.Layer{r.layer(), r.layer()}
	shared := r.topic()
	var faults sync.Map
	var workers sync.WaitGroup
	for i := range 8 {
		layer, own := layers[i%2], r.topic()
		workers.Go(func() {
			if err := subscribeAndPublish(r, layer, own, shared); err != nil {
				faults.Store(err.Error(), true)
			}
		})
	}
	r.within("the last of 8 goroutines", workers.Wait)
	for fault := range faults.Range {
		r.Errorf("%v", fault)
	}
}

// subscribeAndPublish subscribes to a topic of its own and to one of many, and
// waits for what it publishes to its own.
func subscribeAndPublish(r *layerRun, layer channels.Layer, own, shared string) error {
	for round := range 10 {
		given := make(chan string, 10)
		cancelOwn, err := layer.Subscribe(r.Context(), own, func(msg []byte) { given <- string(msg) }, nil)
		if err != nil {
			return fmt.Errorf("call of Subscribe: %w", err)
		}
		cancelShared, err := layer.Subscribe(r.Context(), shared, func([]byte) {}, nil)
		if err != nil {
			return fmt.Errorf("call of Subscribe: %w", err)
		}
		time.Sleep(r.Settle)
		for _, topic := range []string{shared, own} {
			if err := layer.Publish(r.Context(), topic, fmt.Append(nil, round)); err != nil {
				return fmt.Errorf("call of Publish: %w", err)
			}
		}
		select {
		case msg := <-given:
			if msg != fmt.Sprint(round) {
				return fmt.Errorf("topic %q: %q was delivered in round %d", own, msg, round)
			}
		case <-time.After(r.Patience):
			return fmt.Errorf("topic %q: nothing was delivered in round %d", own, round)
		}
		if err := cancelOwn(); err != nil {
			return fmt.Errorf("cancel: %w", err)
		}
		if err := cancelShared(); err != nil {
			return fmt.Errorf("cancel: %w", err)
		}
	}
	return nil
}

func layerGoroutines(r *layerRun) {
	a, b := r.layer(), r.layer()
	round := func(topics int) {
		var sinks []*layerSink
		settle := r.Settle
		r.Settle = 0 // but once for all of them
		for range topics {
			topic := r.topic()
			sinks = append(sinks, r.subscribe(a, topic), r.subscribe(b, topic))
		}
		r.Settle = settle
		time.Sleep(settle)
		for i := 0; i < len(sinks); i += 2 {
			r.publish(a, sinks[i].topic, []byte("x"))
		}
		for _, sink := range sinks {
			sink.want("x")
			sink.cancel()
		}
	}
	round(200) // what the layer starts once, for some topics perhaps, may stay
	before := leak.Running()
	for range 5 {
		round(5)
	}
	if left := before.Left(r.Patience); len(left) > 0 {
		r.Errorf("%d goroutines are left of 50 subscriptions that were cancelled; the first:\n%s", len(left), left[0])
	}
}
