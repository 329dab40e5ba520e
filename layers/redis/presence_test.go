package redislayer_test

import (
	"testing"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/layers/internal/faults"
)

func TestPresence(t *testing.T) {
	server := startProcess(t)
	proxy, direct := server.front(t), server.front(t)
	faults.Presence(t, [3]channels.Layer{
		connect(t, direct.Addr(), nil), connect(t, direct.Addr(), nil), connect(t, proxy.Addr(), nil),
	}, proxy)
}
