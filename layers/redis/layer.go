package redislayer

import (
	"context"
	"fmt"
	"hash/fnv"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/redis/rueidis"
)

// ErrClosed is returned, wrapped, by calls after Close, and by those that it
// interrupts. It satisfies errors.Is(err, net.ErrClosed).
var ErrClosed = fmt.Errorf("the layer is closed: %w", net.ErrClosed)

const (
	maxTopic   = 200
	maxMessage = 1 << 20

	// maxWait bounds what waits for a confirmation.
	maxWait = 10 * time.Second
)

// A Layer is a channels.Layer over Redis. Make one with [Connect].
type Layer struct {
	client  rueidis.Client
	prefix  string
	sharded bool
	lines   []*line // one, or in a cluster one for each shard
	logger  *slog.Logger

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	runs   sync.WaitGroup // of lines
}

// Publish implements channels.Layer. It waits for the server's answer, at most
// until ctx ends; a server that does not answer loses the connection, and Publish
// fails, after some 10 s.
func (l *Layer) Publish(ctx context.Context, topic string, msg []byte) error {
	if err := checkTopic(topic); err != nil {
		return fmt.Errorf("redislayer: publish: %w", err)
	}
	if len(msg) > maxMessage {
		return fmt.Errorf("redislayer: publish to %s: %d bytes are over the limit of %d", topic, len(msg), maxMessage)
	}
	_, channel := l.line(topic)
	if err := l.client.Do(ctx, l.publish(channel, string(msg))).Error(); err != nil {
		return fmt.Errorf("redislayer: publish to %s: %w", topic, l.explain(err))
	}
	return nil
}

// publish makes the command. Msg is a copy, as the client may write a command
// after the call has ended. Channel counts as a key also where Redis does not say
// so: in a cluster what is published to a topic must go through one node to stay in
// order.
func (l *Layer) publish(channel, msg string) rueidis.Completed {
	name := "PUBLISH"
	if l.sharded {
		name = "SPUBLISH"
	}
	return l.client.B().Arbitrary(name).Keys(channel).Args(msg).Build()
}

// Subscribe implements channels.Layer. It waits for the server's confirmation, at
// most until ctx ends and at most 10 s. Cancel does not wait for the server.
func (l *Layer) Subscribe(ctx context.Context, topic string, deliver func(msg []byte), gap func()) (cancel func() error, err error) {
	if err := checkTopic(topic); err != nil {
		return nil, fmt.Errorf("redislayer: subscribe: %w", err)
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("redislayer: subscribe to %s: %w", topic, context.Cause(ctx))
	}
	if l.ctx.Err() != nil {
		return nil, fmt.Errorf("redislayer: subscribe to %s: %w", topic, ErrClosed)
	}
	ctx, stop := context.WithTimeout(ctx, maxWait)
	defer stop()
	line, channel := l.line(topic)
	sub := &subscription{line: line, channel: channel, deliver: deliver, gap: gap}
	if err := line.subscribe(ctx, sub); err != nil {
		return nil, fmt.Errorf("redislayer: subscribe to %s: %w", topic, l.explain(err))
	}
	return func() error { line.unsubscribe(sub); return nil }, nil
}

// Close ends all subscriptions and connections.
func (l *Layer) Close() error {
	l.cancel()
	l.runs.Wait()
	l.client.Close()
	return nil
}

// line returns the line for a topic, and its channel there.
func (l *Layer) line(topic string) (*line, string) {
	if len(l.lines) == 1 {
		return l.lines[0], l.prefix + ":" + topic
	}
	hash := fnv.New32a()
	hash.Write([]byte(topic))
	shard := int(hash.Sum32() % uint32(len(l.lines)))
	return l.lines[shard], fmt.Sprintf("%s:{%d}:%s", l.prefix, shard, topic)
}

func (l *Layer) explain(err error) error {
	if l.ctx.Err() != nil {
		return ErrClosed
	}
	return err
}

func checkTopic(topic string) error {
	ok := topic != "" && len(topic) <= maxTopic
	for i := range len(topic) {
		c := topic[i]
		ok = ok && ('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte(".-_:", c) >= 0)
	}
	if !ok {
		return fmt.Errorf("a topic is 1 to %d letters, digits, '.', '-', '_' and ':'", maxTopic)
	}
	return nil
}
