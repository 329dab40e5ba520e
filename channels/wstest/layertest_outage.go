package wstest

import (
	"context"
	"sync"
	"time"

	"github.com/sluicehq/sluice/channels"
)

// outage cuts the layers off. Restore may be called several times, and is at the
// end of the test.
func (r *layerRun) outage() (restore func()) {
	restore = sync.OnceFunc(r.Cut())
	r.Cleanup(restore)
	return restore
}

func layerOutage(r *layerRun) {
	a, b := r.layer(), r.layer()
	topic, other := r.topic(), r.topic()
	told := []*layerSink{r.subscribe(a, topic), r.subscribe(b, topic), r.subscribe(b, other)}
	untold := r.subscribeSink(b, &layerSink{topic: topic, noGap: true})
	next := 0
	publish := func() (ok bool) {
		ctx, cancel := context.WithTimeout(r.Context(), 100*time.Millisecond)
		defer cancel()
		r.within("Publish with a context of 100 ms", func() {
			ok = a.Publish(ctx, topic, numbered("a", next)) == nil &&
				a.Publish(ctx, other, numbered("a", next)) == nil
		})
		next++
		return ok
	}
	for range 10 {
		if !publish() {
			r.Fatalf("Publish failed before the outage")
		}
	}
	for _, sink := range told {
		sink.wantNumbered(map[string]int{"a": 10})
	}

	restore := r.outage()
	for range 5 {
		publish() // taken or not, as the layer likes
	}
	time.Sleep(quiet)
	restore()

	for _, sink := range told {
		if !sink.until(func(_ []string, gaps int) bool { return gaps > 0 }) {
			r.Fatalf("subscription of %q: gap was not called within %v of the end of the outage: what was published meanwhile "+
				"is missed in silence", sink.topic, r.Patience)
		}
	}
	time.Sleep(r.Settle)
	for deadline := time.Now().Add(r.Patience); !publish(); {
		if time.Now().After(deadline) {
			r.Fatalf("Publish still fails %v after the end of the outage", r.Patience)
		}
		time.Sleep(10 * time.Millisecond)
	}
	last := string(numbered("a", next-1))
	for _, sink := range append(told, untold) {
		if !sink.until(func(msgs []string, _ int) bool { return len(msgs) > 0 && msgs[len(msgs)-1] == last }) {
			r.Fatalf("subscription of %q: a message published after gap was called has not been delivered: gap is called when "+
				"the subscription is in force again", sink.topic)
		}
		msgs, _ := sink.got()
		sink.wantOrder(msgs)
	}
}

func layerCallsInOutage(r *layerRun) {
	a, b := r.layer(), r.layer()
	ended, witness := r.subscribe(b, r.topic()), r.subscribe(b, r.topic())
	restore := r.outage()

	ctx, cancel := context.WithTimeout(r.Context(), 100*time.Millisecond)
	defer cancel()
	r.within("Publish with a context of 100 ms", func() { a.Publish(ctx, ended.topic, []byte("x")) })
	made := &layerSink{topic: r.topic()}
	err := r.trySubscribe(ctx, b, made) // within it
	before, _ := ended.got()
	ended.cancelInOutage()
	restore()

	if !witness.until(func(_ []string, gaps int) bool { return gaps > 0 }) {
		r.Fatalf("gap was not called within %v of the end of the outage", r.Patience)
	}
	time.Sleep(r.Settle)
	r.publishUntilGiven(a, witness)
	for _, topic := range []string{made.topic, ended.topic} {
		r.publish(a, topic, []byte("after"))
	}
	if err == nil {
		made.want("after")
	}
	time.Sleep(quiet)
	if msgs, _ := made.got(); err != nil && len(msgs) > 0 {
		r.Errorf("Subscribe during the outage returned %v, but messages are delivered", err)
	}
	ended.wantNoMore(len(before))
}

// cancelInOutage is cancel where an error may be returned, as the engine could
// not be told.
func (s *layerSink) cancelInOutage() {
	s.run.Helper()
	s.run.within("cancel", func() { s.end() })
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
}

// publishUntilGiven waits until layer is connected again.
func (r *layerRun) publishUntilGiven(layer channels.Layer, sink *layerSink) {
	r.Helper()
	for deadline := time.Now().Add(r.Patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		var err error
		r.within("Publish", func() { err = layer.Publish(r.Context(), sink.topic, []byte("again")) })
		if msgs, _ := sink.got(); err == nil && len(msgs) > 0 {
			return
		}
	}
	r.Fatalf("subscription of %q: nothing is delivered %v after the end of the outage", sink.topic, r.Patience)
}
