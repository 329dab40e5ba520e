package wstest

import (
	"bytes"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A layerSink is one subscription and what it was given.
type layerSink struct {
	topic  string
	noGap  bool   // subscribe with a nil gap
	during func() // called in every deliver

	run     *layerRun
	end     func() error // cancels the first time it is called
	again   func() error // cancel itself
	changed chan struct{}
	calls   atomic.Int32 // of deliver and gap that are under way

	mu     sync.Mutex
	given  [][]byte // the slices that deliver was given
	was    []string // what they held then
	gaps   int
	over   bool // cancel has returned
	faults []string
}

func (s *layerSink) deliver(msg []byte) {
	defer s.enter("deliver")()
	if s.during != nil {
		s.during()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.given = append(s.given, msg)
	s.was = append(s.was, string(msg))
	s.tell()
}

func (s *layerSink) gap() {
	defer s.enter("gap")()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gaps++
	s.tell()
}

// enter notes a call that must not be made; what it returns ends the call.
func (s *layerSink) enter(call string) (leave func()) {
	if s.calls.Add(1) > 1 {
		s.fault("%s was called while another call of deliver or gap for the same subscription was under way", call)
	}
	s.mu.Lock()
	over := s.over
	s.mu.Unlock()
	if over {
		s.fault("%s was called after cancel had returned", call)
	}
	for range 5 {
		runtime.Gosched() // be here for a while, to be found
	}
	return func() { s.calls.Add(-1) }
}

func (s *layerSink) tell() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

func (s *layerSink) fault(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if text := fmt.Sprintf(format, args...); !slices.Contains(s.faults, text) {
		s.faults = append(s.faults, text)
	}
}

// check reports what was wrong with single calls.
func (s *layerSink) check() {
	s.run.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, fault := range s.faults {
		s.run.Errorf("subscription of %q: %s", s.topic, fault)
	}
	for i, was := range s.was {
		if !bytes.Equal(s.given[i], []byte(was)) {
			s.run.Errorf("subscription of %q: the bytes of message %d have changed after deliver returned, from %s to %s: "+
				"they are handed over for good", s.topic, i, brief(was), brief(string(s.given[i])))
			return
		}
	}
}

// cancel ends the subscription, once.
func (s *layerSink) cancel() {
	s.run.Helper()
	var err error
	s.run.within("cancel", func() { err = s.end() })
	if err != nil {
		s.run.Errorf("subscription of %q: cancel: %v", s.topic, err)
	}
	if s.calls.Load() > 0 {
		s.fault("cancel returned while a call of deliver or gap was under way")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
}

// got returns what has been delivered, and how often gap was called.
func (s *layerSink) got() (msgs []string, gaps int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.was), s.gaps
}

// until waits for enough to be true of what has been delivered and reports
// whether it became so in time.
func (s *layerSink) until(enough func(msgs []string, gaps int) bool) bool {
	timeout := time.After(s.run.Patience)
	for {
		s.mu.Lock()
		ok := enough(s.was, s.gaps)
		s.mu.Unlock()
		if ok {
			return true
		}
		select {
		case <-s.changed:
		case <-timeout:
			return false
		}
	}
}

// want waits for exactly these messages, in this order.
func (s *layerSink) want(want ...string) {
	s.run.Helper()
	s.until(func(msgs []string, _ int) bool { return len(msgs) >= len(want) })
	if got, _ := s.got(); !slices.Equal(got, want) {
		s.run.Fatalf("subscription of %q was given %s, want %s", s.topic, briefs(got), briefs(want))
	}
}

// wantNumbered waits for all messages 0 to n-1 of each publisher, and checks that
// they come in order and once. Where gap has been called some may be missing.
func (s *layerSink) wantNumbered(n map[string]int) {
	s.run.Helper()
	total := 0
	for _, count := range n {
		total += count
	}
	s.until(func(msgs []string, gaps int) bool { return len(msgs) >= total || gaps > 0 })
	msgs, gaps := s.got()
	s.wantOrder(msgs)
	if gaps > 0 || len(msgs) >= total {
		return
	}
	for _, publisher := range slices.Sorted(maps.Keys(n)) {
		for i := range n[publisher] {
			if msg := string(numbered(publisher, i)); !slices.Contains(msgs, msg) {
				s.run.Fatalf("subscription of %q was given %d of %d messages; message %d of publisher %s is the first that is "+
					"missing, and gap was not called: a message was lost in silence", s.topic, len(msgs), total, i, publisher)
			}
		}
	}
}

// wantOrder checks that the numbered messages of each publisher are in order and
// that none is there twice.
func (s *layerSink) wantOrder(msgs []string) {
	s.run.Helper()
	last := map[string]int{}
	for i, msg := range msgs {
		publisher, digits, _ := strings.Cut(msg, " ")
		number, err := strconv.Atoi(digits)
		if err != nil {
			s.run.Fatalf("subscription of %q was given %s, which nobody has published", s.topic, brief(msg))
		}
		before, ok := last[publisher]
		if ok && number <= before {
			if slices.Contains(msgs[:i], msg) {
				s.run.Fatalf("subscription of %q was given message %d of publisher %s twice: delivery is at most once",
					s.topic, number, publisher)
			}
			s.run.Fatalf("subscription of %q was given message %d of publisher %s after message %d: what one goroutine "+
				"publishes is delivered in that order", s.topic, number, publisher, before)
		}
		last[publisher] = number
	}
}

// wantNoMore watches for messages beyond the n that there were, and for gaps.
func (s *layerSink) wantNoMore(n int) {
	s.run.Helper()
	msgs, gaps := s.got()
	if len(msgs) > n {
		s.run.Errorf("subscription of %q was given %d messages, want %d; the next is %s", s.topic, len(msgs), n, brief(msgs[n]))
	}
	if gaps > 0 {
		s.run.Errorf("subscription of %q: gap was called though nothing was lost", s.topic)
	}
}

// brief is a message as an error shows it.
func brief(msg string) string {
	if len(msg) > 40 {
		return fmt.Sprintf("%q… (%d bytes)", msg[:40], len(msg))
	}
	return strconv.Quote(msg)
}

func briefs(msgs []string) string {
	var texts []string
	for _, msg := range msgs[:min(len(msgs), 10)] {
		texts = append(texts, brief(msg))
	}
	if len(msgs) > 10 {
		texts = append(texts, fmt.Sprintf("… (%d messages)", len(msgs)))
	}
	return "[" + strings.Join(texts, ", ") + "]"
}
