package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"
)

// A Layer is a channels.Layer.
type Layer interface {
	Publish(ctx context.Context, topic string, msg []byte) error
	Subscribe(ctx context.Context, topic string, deliver func(msg []byte), gap func()) (cancel func() error, err error)
}

// A Storm sends messages through a layer while a proxy breaks connections.
type Storm struct {
	Proxy     *Proxy
	Publisher Layer
	Receiver  Layer // connected through Proxy

	// Behind is whether the publisher is connected through Proxy too. What it sends
	// may then be lost before the engine has it, and the receiver cannot know.
	Behind bool

	sent  int
	taken map[int]bool // by Publish, which returned no error
	log   eventLog
}

// Run lets the proxy do what it can for d. It checks that messages arrive in
// order and at most once, that afterwards all arrive again, and that gap is called
// where some are missing or later.
func (s *Storm) Run(t testing.TB, d time.Duration) {
	t.Helper()
	s.taken = map[int]bool{}
	s.log.had = map[string]bool{}
	cancel, err := s.Receiver.Subscribe(t.Context(), "storm", s.log.deliver, s.log.gap)
	if err != nil {
		t.Fatal(err)
	}
	defer cancel()

	var faults sync.WaitGroup
	stop := make(chan struct{})
	faults.Go(func() { s.Proxy.rage(stop) }) // ended by stop
	for start := time.Now(); time.Since(start) < d; {
		s.publish(t)
		time.Sleep(200 * time.Microsecond)
	}
	close(stop)
	faults.Wait()
	s.recover(t)
	s.check(t)
}

func (s *Storm) publish(t testing.TB) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if s.Publisher.Publish(ctx, "storm", strconv.AppendInt(nil, int64(s.sent), 10)) == nil {
		s.taken[s.sent] = true
	}
	s.sent++
}

// recover returns when every message has arrived for a while, and gap has had
// time to be called for those before.
func (s *Storm) recover(t testing.TB) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for well := 0; well < 500; well++ {
		if time.Now().After(deadline) {
			t.Fatal("30 s after the last fault messages still get lost")
		}
		number := strconv.Itoa(s.sent)
		s.publish(t)
		if !s.log.has(number, 200*time.Millisecond) {
			well = 0
		}
	}
	time.Sleep(500 * time.Millisecond)
}

func (s *Storm) check(t testing.TB) {
	t.Helper()
	events := s.log.all()
	found, err := examine(events, s.taken, !s.Behind)
	if err != nil {
		t.Error(err)
	}
	t.Logf("%d published, %d taken by the engine; %d delivered, %d missing, %d times gap; %d connections",
		s.sent, len(s.taken), len(events)-found.gaps, found.missing, found.gaps, s.Proxy.Accepted())
}

type findings struct {
	missing int // of the messages that were taken
	gaps    int
}

// examine looks at what a subscription was told: numbers in order, and, when
// strict, "gap" after each that was taken but is missing.
func examine(events []string, taken map[int]bool, strict bool) (found findings, err error) {
	last, silent := -1, -1 // the last number, and the last that is missing in silence
	told := false          // of a gap since last
	for _, event := range events {
		if event == "gap" {
			found.gaps++
			told, silent = true, -1
			continue
		}
		number, err := strconv.Atoi(event)
		if err != nil {
			return found, fmt.Errorf("%q was delivered, which nobody has published", event)
		}
		if number <= last {
			return found, fmt.Errorf("message %d was delivered after message %d", number, last)
		}
		for i := last + 1; i < number; i++ {
			if !taken[i] {
				continue
			}
			found.missing++
			if !told {
				silent = i
			}
		}
		last, told = number, false
	}
	if strict && silent >= 0 {
		return found, fmt.Errorf("message %d is missing and gap was not called after it", silent)
	}
	return found, nil
}

// rage does a fault every now and then until stop.
func (p *Proxy) rage(stop chan struct{}) {
	pause := func(limit time.Duration) {
		select {
		case <-time.After(rand.N(limit)):
		case <-stop:
		}
	}
	for {
		switch rand.IntN(6) {
		case 0:
			p.Break()
		case 1:
			restore := p.Cut()
			pause(100 * time.Millisecond)
			restore()
		case 2:
			p.Halve()
		case 3:
			release := p.Hold()
			pause(100 * time.Millisecond)
			release()
		case 4:
			p.Delay(time.Millisecond)
			pause(100 * time.Millisecond)
			p.Delay(0)
		case 5:
			p.Deafen()
			pause(100 * time.Millisecond)
			p.Break()
		}
		pause(400 * time.Millisecond) // so that connections are made again
		select {
		case <-stop:
			return
		default:
		}
	}
}

// An eventLog is what a subscription was told, in order.
type eventLog struct {
	mu     sync.Mutex
	events []string // messages, and "gap"
	had    map[string]bool
}

func (l *eventLog) deliver(msg []byte) { l.add(string(msg)) }
func (l *eventLog) gap()               { l.add("gap") }

func (l *eventLog) add(event string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, event)
	l.had[event] = true
}

func (l *eventLog) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.events...)
}

// has waits until event has been.
func (l *eventLog) has(event string, patience time.Duration) bool {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Microsecond) {
		l.mu.Lock()
		ok := l.had[event]
		l.mu.Unlock()
		if ok {
			return true
		}
	}
	return false
}
