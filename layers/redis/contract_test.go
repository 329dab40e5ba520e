package redislayer_test

import (
	"testing"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/wstest"
	redislayer "github.com/sluicehq/sluice/layers/redis"
)

// testContract runs the contract suite through a proxy that can break the
// connections.
func testContract(t *testing.T, sharding redislayer.Sharding) {
	proxy := startProcess(t).front(t)
	wstest.TestLayer(t, func(t *testing.T) channels.Layer {
		return connect(t, proxy.Addr(), &redislayer.Options{Sharding: sharding})
	}, &wstest.LayerOptions{Cut: proxy.Cut})
}

func TestContractSharded(t *testing.T) { testContract(t, redislayer.ShardingAlways) }

func TestContractNotSharded(t *testing.T) { testContract(t, redislayer.ShardingNever) }
