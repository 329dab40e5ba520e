package natslayer_test

import (
	"testing"

	"github.com/sluicehq/sluice/layers/internal/faults"
)

func TestGap(t *testing.T) {
	target := addr(runServer(t, nil))
	proxy := faults.StartProxy(t, "tcp", target)
	faults.Gap(t, connect(t, proxy.Addr(), nil), connect(t, target, nil), proxy)
}
