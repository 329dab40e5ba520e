package natslayer_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/wstest"
	"github.com/sluicehq/sluice/layers/internal/layertest"
	natslayer "github.com/sluicehq/sluice/layers/nats"
)

// runCluster runs three servers that know each other.
func runCluster(t *testing.T) []*server.Server {
	t.Helper()
	var servers []*server.Server
	var routes []*url.URL
	for i := range 3 {
		s := runServer(t, func(opts *server.Options) {
			opts.ServerName = fmt.Sprint("server", i)
			opts.Cluster = server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: server.RANDOM_PORT}
			opts.Routes = routes
		})
		servers = append(servers, s)
		routes = append(routes, &url.URL{Scheme: "nats", Host: s.ClusterAddr().String()})
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if servers[0].NumRoutes() > 0 && servers[0].NumRoutes() == servers[1].NumRoutes() && servers[1].NumRoutes() == servers[2].NumRoutes() {
			return servers
		}
		if time.Now().After(deadline) {
			t.Fatal("the servers do not find each other")
		}
	}
}

// One of three servers dies. Who was connected to it is told of a gap and goes on
// at another; the others notice nothing.
func TestClusterLosesOne(t *testing.T) {
	servers := runCluster(t)
	var layers []*natslayer.Layer
	var sinks []*layertest.Sink
	for _, s := range servers {
		layer := connect(t, addr(s), &natslayer.Options{NATS: []nats.Option{quick}})
		layers, sinks = append(layers, layer), append(sinks, layertest.Subscribe(t, layer, "topic"))
	}
	publishUntilGiven(t, layers[0], sinks, "start")

	stopServer(servers[2])
	sinks[2].WantGap(t)
	publishUntilGiven(t, layers[0], sinks, "again")
	publishUntilGiven(t, layers[2], sinks, "back")
	for i, s := range sinks[:2] {
		if len(s.Gaps) > 0 {
			t.Errorf("subscription %d: gap was called, though its server is well", i)
		}
	}
}

// publishUntilGiven waits until the servers have told each other of all
// subscriptions, and empties the sinks.
func publishUntilGiven(t *testing.T, layer channels.Layer, sinks []*layertest.Sink, what string) {
	t.Helper()
	for i := 0; ; i++ {
		msg := fmt.Sprintf("%s %d", what, i)
		layertest.Publish(t, layer, "topic", msg)
		given := 0
		for _, s := range sinks {
			if has(s, msg, 100*time.Millisecond) {
				given++
			}
		}
		if given == len(sinks) {
			return
		}
		if i == 100 {
			t.Fatalf("messages are given to %d of %d subscriptions", given, len(sinks))
		}
	}
}

// has takes messages until it has seen msg or patience ends.
func has(s *layertest.Sink, msg string, patience time.Duration) bool {
	timeout := time.After(patience)
	for {
		select {
		case got := <-s.Msgs:
			if got == msg {
				return true
			}
		case <-timeout:
			return false
		}
	}
}

// What is published because of a message that was sent after Subscribe has
// returned is delivered, whichever servers are in between.
func TestClusterCause(t *testing.T) {
	servers := runCluster(t)
	a := connect(t, addr(servers[0]), nil)
	b := connect(t, addr(servers[1]), nil)
	asked := layertest.Subscribe(t, a, "ask")
	publishUntilAsked(t, b, asked)
	for i := range 50 {
		topic := fmt.Sprint("answer", i)
		answer := layertest.Subscribe(t, b, topic)
		layertest.Publish(t, b, "ask", topic)
		asked.Want(t, topic)
		layertest.Publish(t, a, topic, "yes")
		answer.Want(t, "yes")
	}
}

func publishUntilAsked(t *testing.T, layer channels.Layer, asked *layertest.Sink) {
	t.Helper()
	for i := 0; !has(asked, "hello", 100*time.Millisecond); i++ {
		if i == 100 {
			t.Fatal("the servers do not find each other")
		}
		layertest.Publish(t, layer, "ask", "hello")
	}
	for has(asked, "hello", 100*time.Millisecond) {
	}
}

// The contract holds in a cluster, but that the servers take a moment to tell each
// other of a subscription.
func TestContractCluster(t *testing.T) {
	servers := runCluster(t)
	var addrs []string
	for _, s := range servers {
		addrs = append(addrs, "nats://"+addr(s))
	}
	wstest.TestLayer(t, func(t *testing.T) channels.Layer {
		return connect(t, strings.TrimPrefix(strings.Join(addrs, ","), "nats://"), nil)
	}, &wstest.LayerOptions{Settle: 100 * time.Millisecond})
}
