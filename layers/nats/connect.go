package natslayer

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// Options are for [Connect]. The zero value has the defaults.
type Options struct {
	// Prefix is the beginning of all subjects; a dot and the topic follow. Servers
	// that share their groups have the same. The default is "sluice".
	Prefix string

	// PendingMessages and PendingBytes are how much of one topic may wait for
	// deliver, which is much only when the process is overloaded. The defaults are
	// 65,536 messages and 64 MiB; the least are 2 messages and 4 MiB; a negative
	// value is no limit.
	PendingMessages int
	PendingBytes    int

	// Logger is told of lost connections, of slow subscriptions and of errors that
	// no call can return. The default is slog.Default().
	Logger *slog.Logger

	// NATS are options of the connection: TLS, credentials, a name, handlers. They
	// are applied after this package's own choices, and can undo them.
	NATS []nats.Option
}

// Connect connects to NATS. Url is that of a server, or of several with commas
// between them; others of the cluster are found by themselves. It fails when no
// server can be reached within 2 s, or when messages of 1 MiB are not allowed there
// (max_payload). Who calls it closes the layer.
func Connect(url string, opts *Options) (*Layer, error) {
	if opts == nil {
		opts = &Options{}
	}
	l := &Layer{
		prefix: cmp.Or(opts.Prefix, "sluice"),
		pending: [2]int{
			limit(opts.PendingMessages, 65_536, 2),
			limit(opts.PendingBytes, 64<<20, 4<<20),
		},
		logger:   cmp.Or(opts.Logger, slog.Default()),
		refusals: newRefusals(),
		subs:     map[*subscription]bool{},
	}
	if err := l.connect(url, opts); err != nil {
		return nil, fmt.Errorf("natslayer: connect: %w", err)
	}
	return l, nil
}

func limit(value, normal, least int) int {
	switch {
	case value < 0:
		return -1
	case value == 0:
		return normal
	}
	return max(value, least)
}

func (l *Layer) connect(url string, opts *Options) error {
	if strings.ContainsAny(l.prefix, "*> \t\r\n") || slices.Contains(strings.Split(l.prefix, "."), "") {
		return fmt.Errorf("the prefix %q is not the beginning of a subject", l.prefix)
	}
	options := defaults()
	for server := range strings.SplitSeq(url, ",") {
		options.Servers = append(options.Servers, strings.TrimSpace(server))
	}
	for _, option := range opts.NATS {
		if err := option(&options); err != nil {
			return err
		}
	}
	if options.NoEcho {
		return errors.New("the option NoEcho would keep a process's messages from its own sockets")
	}
	l.listen(&options)
	options.CustomDialer = newDialer(&options)
	conn, err := options.Connect()
	if err != nil {
		return err
	}
	if size := conn.MaxPayload(); conn.IsConnected() && size < maxMessage {
		conn.Close()
		return fmt.Errorf("the server takes messages of %d bytes: set its max_payload to 1MB or more", size)
	}
	l.conn = conn
	return nil
}

// defaults differ from those of the client library in that the connection is
// never given up, that a dead one is noticed in half a minute, not in six, and
// that a message is refused when it cannot be sent, not kept for later.
func defaults() nats.Options {
	options := nats.GetDefaultOptions()
	options.Name = "sluice"
	options.MaxReconnect = -1
	options.IgnoreAuthErrorAbort = true
	options.ReconnectWait = 500 * time.Millisecond
	options.ReconnectJitter = 500 * time.Millisecond
	options.ReconnectBufSize = -1
	options.PingInterval = 10 * time.Second
	options.FlusherTimeout = 10 * time.Second
	return options
}

// listen puts the layer before the handlers that the options have. All handlers
// of a connection are called on one goroutine.
func (l *Layer) listen(options *nats.Options) {
	disconnected, reconnected, failed := options.DisconnectedErrCB, options.ReconnectedCB, options.AsyncErrorCB
	options.DisconnectedErrCB = func(conn *nats.Conn, err error) {
		if !conn.IsClosed() {
			l.logger.Warn("natslayer: the connection is lost", "error", err)
		}
		l.refusals.disconnected()
		if disconnected != nil {
			disconnected(conn, err)
		}
	}
	options.ReconnectedCB = func(conn *nats.Conn) {
		l.reconnected(conn)
		if reconnected != nil {
			reconnected(conn)
		}
	}
	options.AsyncErrorCB = func(conn *nats.Conn, sub *nats.Subscription, err error) {
		l.refusals.handedOn(err)
		subject := ""
		if sub != nil {
			subject = sub.Subject
		}
		l.logger.Warn("natslayer: an error of the connection", "error", err, "subject", subject)
		if failed != nil {
			failed(conn, sub, err)
		}
	}
}

// reconnected calls gap for every subscription. The client library has
// subscribed again, but the server has not yet confirmed it.
func (l *Layer) reconnected(conn *nats.Conn) {
	for {
		err := conn.FlushTimeout(maxWait)
		if err == nil {
			break
		}
		if !conn.IsConnected() {
			return // it is lost again, and will be made again, or closed
		}
		l.logger.Warn("natslayer: the server does not answer", "error", err)
	}
	l.logger.Info("natslayer: connected again", "server", conn.ConnectedUrlRedacted())
	l.mu.Lock()
	subs := slices.Collect(maps.Keys(l.subs))
	l.mu.Unlock()
	for _, sub := range subs {
		sub.lost()
	}
}
