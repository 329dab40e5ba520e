package channels

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// A MemoryLayer is a [Layer] for the servers of one process: for tests, and where
// two servers share their groups. The zero value is ready. Publish delivers before
// it returns.
type MemoryLayer struct {
	mu     sync.Mutex // guards topics; not held while delivering
	topics map[string][]*memorySubscription
}

type memorySubscription struct {
	mu      sync.Mutex // held while delivering: one message at a time, none after cancel
	deliver func([]byte)
}

// Publish implements [Layer].
func (l *MemoryLayer) Publish(ctx context.Context, topic string, msg []byte) error {
	if err := checkTopic(topic); err != nil {
		return err
	}
	if len(msg) > maxLayerMessage {
		return fmt.Errorf("channels: a layer's message of %d bytes is over the limit of %d", len(msg), maxLayerMessage)
	}
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	l.mu.Lock()
	subs := l.topics[topic]
	l.mu.Unlock()
	if len(subs) == 0 {
		return nil
	}
	msg = slices.Clone(msg)
	for _, sub := range subs {
		sub.mu.Lock()
		if sub.deliver != nil {
			sub.deliver(msg)
		}
		sub.mu.Unlock()
	}
	return nil
}

// Subscribe implements [Layer]. Nothing is ever lost, so gap is never called.
func (l *MemoryLayer) Subscribe(ctx context.Context, topic string, deliver func([]byte), gap func()) (func() error, error) {
	if err := checkTopic(topic); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	sub := &memorySubscription{deliver: deliver}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.topics == nil {
		l.topics = make(map[string][]*memorySubscription)
	}
	// Published slices are never changed: Publish reads them without the lock.
	l.topics[topic] = append(slices.Clip(l.topics[topic]), sub)
	return func() error { l.cancel(topic, sub); return nil }, nil
}

func (l *MemoryLayer) cancel(topic string, sub *memorySubscription) {
	l.mu.Lock()
	rest := slices.DeleteFunc(slices.Clone(l.topics[topic]), func(s *memorySubscription) bool { return s == sub })
	if len(rest) == 0 {
		delete(l.topics, topic)
	} else {
		l.topics[topic] = rest
	}
	l.mu.Unlock()
	sub.mu.Lock() // waits for a delivery that goes on
	sub.deliver = nil
	sub.mu.Unlock()
}

const (
	maxTopic        = 200
	maxLayerMessage = 1 << 20
)

func checkTopic(topic string) error {
	ok := topic != "" && len(topic) <= maxTopic
	for i := range len(topic) {
		c := topic[i]
		ok = ok && ('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '-' || c == '_' || c == ':')
	}
	if !ok {
		return fmt.Errorf("channels: a topic is 1 to %d letters, digits, '.', '-', '_' and ':'", maxTopic)
	}
	return nil
}
