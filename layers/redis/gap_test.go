package redislayer_test

import (
	"testing"

	"github.com/sluicehq/sluice/layers/internal/faults"
)

func TestGap(t *testing.T) {
	server := startProcess(t)
	proxy, direct := server.front(t), server.front(t)
	faults.Gap(t, connect(t, proxy.Addr(), nil), connect(t, direct.Addr(), nil), proxy)
}
