package redislayer_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/wstest"
	"github.com/sluicehq/sluice/layers/internal/layertest"
	redislayer "github.com/sluicehq/sluice/layers/redis"
)

// A node is a redis-server of a cluster.
type node struct {
	*process
	client rueidis.Client // of this node alone
	port   string
	id     string
}

func (n *node) addr() string { return "127.0.0.1:" + n.port }

// do runs a command, given as words.
func (n *node) do(t *testing.T, words ...string) string {
	t.Helper()
	result, err := n.try(words...)
	if err != nil {
		t.Fatalf("%s: %v", strings.Join(words, " "), err)
	}
	return result
}

func (n *node) try(words ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	result, err := n.client.Do(ctx, n.client.B().Arbitrary(words...).Build()).ToAny()
	return fmt.Sprint(result), err
}

// startCluster starts three masters that share the slots, and replicas of the
// first.
func startCluster(t *testing.T, replicas int) []*node {
	t.Helper()
	var nodes []*node
	for range 3 + replicas {
		nodes = append(nodes, startNode(t))
	}
	for i, n := range nodes[:3] {
		n.do(t, "CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(i*16384/3), strconv.Itoa((i+1)*16384/3-1))
	}
	for _, n := range nodes[1:] {
		_, bus, _ := strings.Cut(strings.Fields(n.do(t, "CLUSTER", "NODES"))[1], "@")
		nodes[0].do(t, "CLUSTER", "MEET", "127.0.0.1", n.port, strings.Split(bus, ",")[0])
	}
	await(t, "the nodes know each other", func() bool {
		return !slices.ContainsFunc(nodes, func(n *node) bool {
			return !strings.Contains(n.do(t, "CLUSTER", "INFO"), fmt.Sprintf("cluster_known_nodes:%d", len(nodes)))
		})
	})
	for _, n := range nodes[3:] {
		await(t, "a replica is one", func() bool {
			_, err := n.try("CLUSTER", "REPLICATE", nodes[0].id)
			return err == nil
		})
		await(t, "a replica is connected", func() bool {
			return strings.Contains(n.do(t, "INFO", "replication"), "master_link_status:up")
		})
	}
	await(t, "the cluster is well", func() bool {
		return !slices.ContainsFunc(nodes, func(n *node) bool {
			return !strings.Contains(n.do(t, "CLUSTER", "INFO"), "cluster_state:ok")
		})
	})
	return nodes
}

func startNode(t *testing.T) *node {
	t.Helper()
	n := &node{port: freePort(t)}
	n.process = newProcess(t, "--bind", "127.0.0.1", "--port", n.port, "--cluster-port", freePort(t),
		"--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--repl-diskless-sync-delay", "0")
	n.await(t, "tcp", n.addr())
	var err error
	n.client, err = rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{n.addr()}, ForceSingleClient: true, DisableCache: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.client.Close)
	n.id = n.do(t, "CLUSTER", "MYID")
	return n
}

// freePort returns a port that nobody listens on. Nodes of a cluster need to know
// theirs.
func freePort(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
}

func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

func TestContractCluster(t *testing.T) {
	nodes := startCluster(t, 0)
	for name, sharding := range map[string]redislayer.Sharding{
		"sharded": redislayer.ShardingAuto, "not sharded": redislayer.ShardingNever,
	} {
		t.Run(name, func(t *testing.T) {
			wstest.TestLayer(t, func(t *testing.T) channels.Layer {
				return connect(t, nodes[1].addr(), &redislayer.Options{Sharding: sharding})
			}, nil)
		})
	}
}

// A message goes to the node that its topic belongs to, and no other.
func TestClusterShards(t *testing.T) {
	nodes := startCluster(t, 0)
	layer := connect(t, nodes[0].addr(), nil)
	for i := range 100 {
		topic := fmt.Sprint("topic", i)
		s := layertest.Subscribe(t, layer, topic)
		layertest.Publish(t, layer, topic, "x")
		s.Want(t, "x")
	}
	counts := make([]int, len(nodes))
	total := 0
	for i, n := range nodes {
		counts[i] = len(strings.Fields(strings.Trim(n.do(t, "PUBSUB", "SHARDCHANNELS"), "[]")))
		total += counts[i]
	}
	if total != 100 || slices.Contains(counts, 0) {
		t.Errorf("the nodes have %d subscriptions, want 100 in all and some at each", counts)
	}
}

// A slot moves to another node. Subscriptions follow it, and are told of a gap.
func TestClusterMovesSlot(t *testing.T) {
	nodes := startCluster(t, 0)
	layer := connect(t, nodes[0].addr(), &redislayer.Options{Shards: 1})
	s := layertest.Subscribe(t, layer, "topic")
	publishUntil(t, layer, s, "before")

	slot := nodes[0].do(t, "CLUSTER", "KEYSLOT", "sluice:topic")
	number, err := strconv.Atoi(slot)
	if err != nil {
		t.Fatal(err)
	}
	owner := min(2, number*3/16384)
	from, to, other := nodes[owner], nodes[(owner+1)%3], nodes[(owner+2)%3]
	to.do(t, "CLUSTER", "SETSLOT", slot, "IMPORTING", from.id) // so that its claim is newer than the former owner's
	from.do(t, "CLUSTER", "SETSLOT", slot, "MIGRATING", to.id)
	for _, n := range []*node{to, from, other} {
		n.do(t, "CLUSTER", "SETSLOT", slot, "NODE", to.id)
	}
	s.WantGap(t)
	publishUntil(t, layer, s, "after")
}

// A master dies and its replica takes its place.
func TestClusterLosesMaster(t *testing.T) {
	nodes := startCluster(t, 1)
	layer := connect(t, nodes[1].addr(), nil)
	var sinks []*layertest.Sink
	for i := range 30 {
		sinks = append(sinks, layertest.Subscribe(t, layer, fmt.Sprint("topic", i)))
	}
	owned := strings.Fields(strings.Trim(nodes[0].do(t, "PUBSUB", "SHARDCHANNELS"), "[]"))
	if len(owned) == 0 || len(owned) == len(sinks) {
		t.Fatalf("the first node has %d of %d subscriptions", len(owned), len(sinks))
	}
	nodes[0].kill()
	for i, s := range sinks {
		topic := fmt.Sprint("topic", i)
		lost := slices.ContainsFunc(owned, func(channel string) bool { return strings.HasSuffix(channel, ":"+topic) })
		if lost {
			s.WantGap(t)
		}
		publishUntil(t, layer, s, "after", topic)
		if !lost && len(s.Gaps) > 0 {
			t.Errorf("gap was called for %s, whose node is well", topic)
		}
	}
}

// publishUntil publishes until a message is delivered: the client may have to
// learn where to first.
func publishUntil(t *testing.T, layer channels.Layer, s *layertest.Sink, msg string, topic ...string) {
	t.Helper()
	to := append(topic, "topic")[0]
	await(t, "a message is delivered", func() bool {
		if err := layer.Publish(t.Context(), to, []byte(msg)); err != nil {
			return false
		}
		select {
		case got := <-s.Msgs:
			return got == msg
		case <-time.After(50 * time.Millisecond):
			return false
		}
	})
}
