package wstest_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var errDown = errors.New("the engine cannot be reached")

// An engine is what the layers of a test share. With flaw "" they keep the
// contract; other flaws are listed in TestBadLayers.
type engine struct {
	flaw string

	mu      sync.Mutex
	down    bool
	up      chan struct{}       // closed when the engine can be reached again
	subs    []*engineSub        // in force or, during an outage, to be so again
	history map[string][][]byte // of the flaw "replays"
	pending func()              // of the flaw "keeps the publisher's bytes"
	count   int                 // of messages
	all     []*engineSub        // that there ever were, for close
	closed  chan struct{}
	late    sync.WaitGroup // of goroutines that flaws start
}

func newEngine(t *testing.T, flaw string) *engine {
	e := &engine{flaw: flaw, history: map[string][][]byte{}, closed: make(chan struct{})}
	t.Cleanup(e.close)
	return e
}

// close ends what a flaw has left running.
func (e *engine) close() {
	close(e.closed)
	e.late.Wait()
	for _, sub := range e.all {
		sub.mu.Lock()
		sub.over = true
		sub.filled.Broadcast()
		sub.mu.Unlock()
		<-sub.done
	}
}

type engineLayer struct{ engine *engine }

// An engineSub is a subscription: a queue and the goroutine that empties it.
type engineSub struct {
	layer   *engineLayer
	topic   string
	deliver func([]byte)
	gap     func()
	buf     []byte        // of the flaw "reuses its buffer"
	done    chan struct{} // closed when the goroutine has ended

	mu     sync.Mutex
	filled *sync.Cond
	queue  []any // []byte, or a func to be called
	over   bool
	dead   bool // of flaws: no longer in force, but not cancelled
}

func (e *engine) has(flaw string) bool { return e.flaw == flaw }

func (e *engine) cut() (restore func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.down, e.up = true, make(chan struct{})
	return e.restore
}

func (e *engine) restore() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.down = false
	close(e.up)
	for _, sub := range e.subs {
		switch {
		case e.has("loses a subscription in an outage"):
			sub.dead = true
			sub.push(sub.callGap)
		case e.has("calls gap too early"):
			sub.dead = true
			sub.push(sub.callGap)
			e.late.Go(func() { e.revive(sub) })
		case !e.has("misses a gap"):
			sub.push(sub.callGap)
		}
	}
}

func (e *engine) revive(sub *engineSub) {
	select {
	case <-time.After(300 * time.Millisecond):
	case <-e.closed:
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	sub.dead = false
}

// awaitUp waits for the end of the outage, and gives the lock back meanwhile.
func (e *engine) awaitUp() {
	up := e.up
	e.mu.Unlock()
	<-up
	e.mu.Lock()
}

func (l *engineLayer) Publish(ctx context.Context, topic string, msg []byte) error {
	e := l.engine
	if err := e.check(topic, msg); err != nil {
		return err
	}
	if e.has("truncates") {
		msg = msg[:min(len(msg), 65_535)]
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.down {
		if e.has("publishes without end") {
			e.awaitUp()
		}
		if e.has("sends twice after an outage") {
			for range 2 {
				e.subs[0].push(bytes.Clone(msg))
			}
		}
		return errDown
	}
	e.count++
	if e.has("keeps the publisher's bytes") {
		if e.pending != nil {
			e.pending()
		}
		e.pending = func() { e.publish(l, topic, bytes.Clone(msg)) }
		return nil
	}
	e.publish(l, topic, bytes.Clone(msg))
	return nil
}

// publish hands msg to the subscriptions. The lock is held.
func (e *engine) publish(from *engineLayer, topic string, msg []byte) {
	if e.has("replays") {
		e.history[topic] = append(e.history[topic], msg)
	}
	for _, sub := range e.subs {
		if !e.matches(sub, from, topic) || sub.dead {
			continue
		}
		sub.push(msg)
		switch {
		case e.has("duplicates") && e.count%5 == 0:
			sub.push(msg)
		case e.has("calls gap for nothing"):
			sub.push(sub.callGap)
		case e.has("calls gap beside deliver"):
			if gap := sub.gap; gap != nil {
				e.late.Go(gap)
			}
		case e.has("makes the publisher wait"):
			sub.wait()
		}
	}
}

func (e *engine) matches(sub *engineSub, from *engineLayer, topic string) bool {
	switch {
	case e.has("is for one process"):
		return sub.topic == topic && sub.layer == from
	case e.has("is for other processes"):
		return sub.topic == topic && sub.layer != from
	case e.has("takes prefixes"):
		return strings.HasPrefix(topic, sub.topic)
	case e.has("ignores case"):
		return strings.EqualFold(topic, sub.topic)
	}
	return sub.topic == topic
}

func (e *engine) check(topic string, msg []byte) error {
	bad := func(c rune) bool {
		return !(c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.ContainsRune(".-_:", c))
	}
	switch {
	case e.has("takes any topic"):
	case topic == "" || len(topic) > 200 || strings.ContainsFunc(topic, bad):
		return errors.New("not a topic")
	}
	if len(msg) > 1<<20 && !e.has("takes any size") {
		return errors.New("larger than 1 MiB")
	}
	return nil
}

func (l *engineLayer) Subscribe(ctx context.Context, topic string, deliver func([]byte), gap func()) (func() error, error) {
	e := l.engine
	if err := e.check(topic, nil); err != nil {
		return nil, err
	}
	sub := &engineSub{layer: l, topic: topic, deliver: deliver, gap: gap, done: make(chan struct{})}
	sub.filled = sync.NewCond(&sub.mu)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.down {
		switch {
		case e.has("waits without end"):
			e.awaitUp()
		case e.has("subscribes later"):
			e.subs = append(e.subs, sub)
			e.start(sub)
		}
		return nil, errDown
	}
	if e.has("one call at a time") {
		e.mu.Unlock()
		if !calls.TryLock() {
			e.mu.Lock()
			return nil, errors.New("busy")
		}
		defer calls.Unlock()
		time.Sleep(time.Millisecond)
		e.mu.Lock()
	}
	e.subscribe(ctx, sub)
	e.start(sub)
	return func() error { return e.cancel(sub) }, nil
}

var calls sync.Mutex // held in Subscribe by the flaw "one call at a time"

// subscribe puts sub in force. The lock is held.
func (e *engine) subscribe(ctx context.Context, sub *engineSub) {
	switch {
	case e.has("subscribes a little later"):
		e.late.Go(func() {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.subs = append(e.subs, sub)
		})
		return
	case e.has("has one subscription per topic"):
		e.subs = slices.DeleteFunc(e.subs, func(s *engineSub) bool { return s.topic == sub.topic })
	case e.has("replays"):
		for _, msg := range e.history[sub.topic] {
			sub.push(msg)
		}
	case e.has("ends with the context"):
		context.AfterFunc(ctx, func() { e.remove(sub) })
	}
	e.subs = append(e.subs, sub)
}

func (e *engine) start(sub *engineSub) {
	e.all = append(e.all, sub)
	go sub.run() // ended by cancel, or by close
}

func (e *engine) cancel(sub *engineSub) error {
	switch {
	case e.has("cancels without end"):
		e.mu.Lock()
		if e.down {
			e.awaitUp()
		}
		e.mu.Unlock()
	case e.has("forgets to cancel"):
		e.mu.Lock()
		down := e.down
		e.mu.Unlock()
		if down {
			return errDown
		}
	case e.has("cancels all of a topic"):
		e.mu.Lock()
		e.subs = slices.DeleteFunc(e.subs, func(s *engineSub) bool { return s.topic == sub.topic && s.layer == sub.layer })
		e.mu.Unlock()
	case e.has("leaks"):
		e.remove(sub)
		return nil
	}
	e.remove(sub)
	sub.mu.Lock()
	again := sub.over
	sub.over = true
	if !e.has("delivers what is queued") {
		sub.queue = nil
	}
	sub.filled.Broadcast()
	sub.mu.Unlock()
	switch {
	case e.has("cannot be cancelled again") && again:
		<-e.closed
	case !e.has("delivers what is queued") && !e.has("leaves a call running"):
		<-sub.done
	}
	return nil
}

func (e *engine) remove(sub *engineSub) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.subs = slices.DeleteFunc(e.subs, func(s *engineSub) bool { return s == sub })
}

func (s *engineSub) push(item any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue = append(s.queue, item)
	s.filled.Broadcast()
}

// wait returns when the queue is empty.
func (s *engineSub) wait() {
	done := make(chan struct{})
	s.push(func() { close(done) })
	<-done
}

// run is ended by cancel.
func (s *engineSub) run() {
	defer close(s.done)
	for {
		s.mu.Lock()
		for len(s.queue) == 0 && !s.over {
			s.filled.Wait()
		}
		if len(s.queue) == 0 {
			s.mu.Unlock()
			return
		}
		next := 0
		if s.layer.engine.has("reorders") {
			next = min(1, len(s.queue)-1)
		}
		item := s.queue[next]
		s.queue = slices.Delete(s.queue, next, next+1)
		s.mu.Unlock()
		switch item := item.(type) {
		case func():
			item()
		case []byte:
			s.callDeliver(item)
		}
	}
}

func (s *engineSub) callDeliver(msg []byte) {
	if s.layer.engine.has("reuses its buffer") {
		s.buf = append(s.buf[:0], msg...)
		msg = s.buf
	}
	s.deliver(msg)
}

func (s *engineSub) callGap() {
	if s.gap != nil {
		s.gap()
	}
}
