package natslayer_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/layers/internal/faults"
	natslayer "github.com/sluicehq/sluice/layers/nats"
)

func TestPresence(t *testing.T) {
	target := addr(runServer(t, nil))
	proxy := faults.StartProxy(t, "tcp", target)
	opts := &natslayer.Options{NATS: []nats.Option{
		nats.ReconnectWait(5 * time.Millisecond), nats.ReconnectJitter(5*time.Millisecond, 0),
	}}
	faults.Presence(t, [3]channels.Layer{
		connect(t, target, nil), connect(t, target, nil), connect(t, proxy.Addr(), opts),
	}, proxy)
}
