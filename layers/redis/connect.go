package redislayer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// Options are for [Connect]. The zero value has the defaults.
type Options struct {
	// Prefix is the beginning of all channels; a colon and the topic follow.
	// Servers that share their groups have the same. The default is "sluice". It
	// must not contain '{' or '}'.
	Prefix string

	// Sharding says whether the sharded pub/sub of Redis 7 is used. Processes hear
	// each other only when they all do, or none does. The default is to use it
	// when the server has it.
	Sharding Sharding

	// Shards is how many parts the topics are divided into when sharded pub/sub is
	// used in a cluster: a process has up to as many connections for
	// subscriptions, and no more nodes have a share of the work. It must be the
	// same in all processes. The default is 16.
	Shards int

	// Logger is told of lost connections and of errors that no call can return.
	// The default is slog.Default().
	Logger *slog.Logger

	// Redis changes the options of the client library before they are used: TLS,
	// credentials, sentinels, timeouts. The default is no change.
	Redis func(*rueidis.ClientOption)
}

// Sharding is a choice of [Options].
type Sharding int

const (
	ShardingAuto   Sharding = iota // when the server has it
	ShardingAlways                 // always: Redis 7 or later
	ShardingNever                  // never: while servers of an older version are in use beside newer ones
)

// Connect connects to Redis. Url is like redis://user:password@host:6379, with
// rediss for TLS; more addresses of a cluster are added as ?addr=host2:6379. It
// fails when no server can be reached, or when it does not let the user publish.
// Who calls it closes the layer.
func Connect(url string, opts *Options) (*Layer, error) {
	if opts == nil {
		opts = &Options{}
	}
	l := &Layer{prefix: cmp.Or(opts.Prefix, "sluice"), logger: cmp.Or(opts.Logger, slog.Default())}
	if err := l.connect(url, opts); err != nil {
		return nil, fmt.Errorf("redislayer: connect: %w", err)
	}
	lines := 1
	if l.sharded && l.client.Mode() == rueidis.ClientModeCluster {
		lines = max(1, cmp.Or(opts.Shards, 16))
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	for range lines {
		line := newLine(l)
		l.lines = append(l.lines, line)
		l.runs.Go(line.run)
	}
	return l, nil
}

func (l *Layer) connect(url string, opts *Options) error {
	if strings.ContainsAny(l.prefix, "{}") {
		return fmt.Errorf("the prefix %q contains a brace, which Redis Cluster takes for a hash tag", l.prefix)
	}
	option, err := rueidis.ParseURL(url)
	if err != nil {
		return errors.New("not a URL of Redis") // which may have a password in it
	}
	l.defaults(&option)
	if opts.Redis != nil {
		opts.Redis(&option)
	}
	option.DisableRetry = true // a message must not be sent twice
	if l.client, err = rueidis.NewClient(option); err != nil {
		return err
	}
	if err := l.probe(opts.Sharding); err != nil {
		l.client.Close()
		return err
	}
	return nil
}

// defaults differ from those of the client library in that a connection takes
// little memory, as there is one for everything that is published, that it is
// always read, so that its loss is noticed before the next Publish, and that a
// replica's promotion is noticed.
func (l *Layer) defaults(option *rueidis.ClientOption) {
	option.ClientName = cmp.Or(option.ClientName, "sluice")
	option.DisableCache = true
	option.AlwaysPipelining = true
	option.PipelineMultiplex = -1
	option.ReadBufferEachConn = 64 << 10
	option.WriteBufferEachConn = 64 << 10
	option.ConnWriteTimeout = 10 * time.Second
	option.Dialer = net.Dialer{Timeout: 5 * time.Second, KeepAlive: time.Second}
	option.Sentinel.TopologyRefreshInterval = 5 * time.Second
}

// probe publishes where nobody listens, to see whether the server has sharded
// pub/sub, and lets us publish.
func (l *Layer) probe(sharding Sharding) error {
	ctx, cancel := context.WithTimeout(context.Background(), maxWait)
	defer cancel()
	l.sharded = sharding != ShardingNever
	err := l.client.Do(ctx, l.publish(l.prefix+":", "")).Error()
	if answer, ok := rueidis.IsRedisErr(err); ok && sharding == ShardingAuto &&
		strings.Contains(strings.ToLower(answer.Error()), "unknown command") {
		l.sharded = false
		err = l.client.Do(ctx, l.publish(l.prefix+":", "")).Error()
	}
	return err
}

func (l *Layer) subscribeCommand(client rueidis.DedicatedClient, channels []string) rueidis.Completed {
	if l.sharded {
		return client.B().Ssubscribe().Channel(channels...).Build()
	}
	return client.B().Subscribe().Channel(channels...).Build()
}

func (l *Layer) unsubscribeCommand(client rueidis.DedicatedClient, channels []string) rueidis.Completed {
	if l.sharded {
		return client.B().Sunsubscribe().Channel(channels...).Build()
	}
	return client.B().Unsubscribe().Channel(channels...).Build()
}
