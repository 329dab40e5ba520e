package natslayer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// ErrDisconnected is returned, wrapped, by calls while there is no connection to
// NATS, and by those that were waiting for an answer when it broke.
var ErrDisconnected = errors.New("not connected to NATS")

const (
	maxTopic   = 200
	maxMessage = 1 << 20

	// maxWait bounds calls whose context has no deadline.
	maxWait = 10 * time.Second
)

// A Layer is a channels.Layer over a connection to NATS. Make one with [Connect].
type Layer struct {
	conn    *nats.Conn
	prefix  string
	pending [2]int // limits of a subscription: messages and bytes
	logger  *slog.Logger

	refusals *refusals

	mu   sync.Mutex // guards subs
	subs map[*subscription]bool
}

// Publish implements channels.Layer. The message is copied and sent without
// waiting for an answer; a server that does not read holds Publish up for 10 s at
// most, whatever ctx says, and then the connection is made again.
func (l *Layer) Publish(ctx context.Context, topic string, msg []byte) error {
	subject, err := l.subject(topic)
	if err != nil {
		return fmt.Errorf("natslayer: publish: %w", err)
	}
	if len(msg) > maxMessage {
		return fmt.Errorf("natslayer: publish to %s: %d bytes are over the limit of %d", topic, len(msg), maxMessage)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("natslayer: publish to %s: %w", topic, context.Cause(ctx))
	}
	if err := l.conn.Publish(subject, msg); err != nil {
		return fmt.Errorf("natslayer: publish to %s: %w", topic, l.explain(err))
	}
	return nil
}

// Subscribe implements channels.Layer. It waits for the server's confirmation, at
// most until ctx ends and at most 10 s. What the server refuses, as the user may not
// have it or as there are too many subscriptions, is an error.
func (l *Layer) Subscribe(ctx context.Context, topic string, deliver func(msg []byte), gap func()) (cancel func() error, err error) {
	subject, err := l.subject(topic)
	if err != nil {
		return nil, fmt.Errorf("natslayer: subscribe: %w", err)
	}
	sub := &subscription{layer: l, subject: subject, deliver: deliver, gap: gap}
	if err := sub.start(ctx); err != nil {
		return nil, fmt.Errorf("natslayer: subscribe to %s: %w", topic, l.explain(err))
	}
	return func() error {
		if err := sub.cancel(); err != nil {
			return fmt.Errorf("natslayer: cancel the subscription to %s: %w", topic, err)
		}
		return nil
	}, nil
}

// Close sends what has been published, waiting at most 2 s for it, and ends the
// connection and all subscriptions. The error of later calls satisfies
// errors.Is(err, net.ErrClosed).
func (l *Layer) Close() error {
	var err error
	if l.conn.IsConnected() {
		err = l.conn.FlushTimeout(2 * time.Second)
	}
	l.conn.Close()
	if err != nil {
		return fmt.Errorf("natslayer: close: %w", err)
	}
	return nil
}

// subject returns the subject for a topic. As '.' separates the tokens of a
// subject, none of which may be empty, and '/' is not for topics, one stands for
// the other.
func (l *Layer) subject(topic string) (string, error) {
	ok := topic != "" && len(topic) <= maxTopic
	for i := range len(topic) {
		c := topic[i]
		ok = ok && ('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte(".-_:", c) >= 0)
	}
	if !ok {
		return "", fmt.Errorf("a topic is 1 to %d letters, digits, '.', '-', '_' and ':'", maxTopic)
	}
	return l.prefix + "." + strings.ReplaceAll(topic, ".", "/"), nil
}

// explain makes the errors recognizable that a connection has while it is being made
// again, and after Close.
func (l *Layer) explain(err error) error {
	closed := errors.Is(err, nats.ErrConnectionClosed)
	switch {
	case closed && l.conn.IsClosed():
		return fmt.Errorf("%w: %w", err, net.ErrClosed)
	case closed, errors.Is(err, nats.ErrReconnectBufExceeded):
		return ErrDisconnected
	}
	return err
}
