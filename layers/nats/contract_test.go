package natslayer_test

import (
	"testing"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/wstest"
	"github.com/sluicehq/sluice/layers/internal/faults"
)

// testContract runs the contract suite through a proxy that can break the
// connections.
func testContract(t *testing.T, addr string) {
	proxy := faults.StartProxy(t, "tcp", addr)
	wstest.TestLayer(t, func(t *testing.T) channels.Layer { return connect(t, proxy.Addr(), nil) },
		&wstest.LayerOptions{Cut: proxy.Cut})
}

func TestContractEmbedded(t *testing.T) { testContract(t, addr(runServer(t, nil))) }

func TestContractDebian(t *testing.T) { testContract(t, startProcess(t, "-1").addr) }
