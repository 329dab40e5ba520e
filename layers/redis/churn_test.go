package redislayer_test

import (
	"testing"

	"github.com/sluicehq/sluice/layers/internal/faults"
)

func TestChurn(t *testing.T) {
	layer := connect(t, startProcess(t).front(t).Addr(), nil)
	faults.Churn(t, layer, layer, nil)
}

func TestChurnInStorm(t *testing.T) {
	server := startProcess(t)
	proxy, direct := server.front(t), server.front(t)
	faults.Churn(t, connect(t, direct.Addr(), nil), connect(t, proxy.Addr(), nil), proxy)
}
