package channels_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/sluicehq/sluice/channels"
)

// A faulty layer does to a message what fault says.
type faulty struct {
	channels.MemoryLayer
	mu    sync.Mutex
	fault func(topic string, msg []byte) verdict
	gaps  []func()
	count int // of calls of Publish
}

type verdict int

const (
	deliver verdict = iota
	lose
	double
	refuse
)

var errUnreachable = errors.New("the engine cannot be reached")

func (l *faulty) Publish(ctx context.Context, topic string, msg []byte) error {
	l.mu.Lock()
	v := deliver
	if l.fault != nil {
		v = l.fault(topic, msg)
	}
	l.count++
	l.mu.Unlock()
	switch v {
	case lose:
		return nil
	case refuse:
		return errUnreachable
	case double:
		l.MemoryLayer.Publish(ctx, topic, msg)
	}
	return l.MemoryLayer.Publish(ctx, topic, msg)
}

func (l *faulty) Subscribe(ctx context.Context, topic string, deliver func([]byte), gap func()) (func() error, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gaps = append(l.gaps, gap)
	return l.MemoryLayer.Subscribe(ctx, topic, deliver, gap)
}

func (l *faulty) set(fault func(topic string, msg []byte) verdict) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fault = fault
}

// back ends an outage.
func (l *faulty) back() {
	l.set(nil)
	for _, gap := range l.subscribed() {
		gap()
	}
}

// subscribed returns the gaps of all subscriptions so far.
func (l *faulty) subscribed() (gaps []func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.gaps)
}

func (l *faulty) published() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count
}

// to returns a fault for the messages that end in one of texts.
func to(v verdict, texts ...string) func(string, []byte) verdict {
	return func(_ string, msg []byte) verdict {
		for _, text := range texts {
			if bytes.HasSuffix(msg, []byte(text)) {
				return v
			}
		}
		return deliver
	}
}

func everything(v verdict) func(string, []byte) verdict {
	return func(string, []byte) verdict { return v }
}
