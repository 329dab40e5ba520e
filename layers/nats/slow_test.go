package natslayer_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/layers/internal/layertest"
	natslayer "github.com/sluicehq/sluice/layers/nats"
)

// A subscription that is too slow loses what does not fit, and gap is called in
// the place where it is missing.
func TestSlowSubscription(t *testing.T) {
	var log layertest.Log
	layer := connect(t, addr(runServer(t, nil)), &natslayer.Options{
		PendingMessages: 2,
		Logger:          slog.New(slog.NewTextHandler(&log, nil)),
	})
	release, first, next, all := make(chan int), make(chan int), make(chan int), make(chan int)
	var events []string
	cancel, err := layer.Subscribe(t.Context(), "slow",
		func(msg []byte) {
			events = append(events, string(msg))
			switch string(msg) {
			case "0":
				close(first)
				<-release
			case "x":
				close(next)
			case "end":
				close(all)
			}
		},
		func() { events = append(events, "gap") })
	if err != nil {
		t.Fatal(err)
	}
	defer cancel()
	witness := layertest.Subscribe(t, layer, "witness")

	layertest.Publish(t, layer, "slow", "0")
	<-first
	for range 10 {
		layertest.Publish(t, layer, "slow", "x")
	}
	layertest.Publish(t, layer, "witness", "all are here")
	witness.Want(t, "all are here")
	close(release)
	<-next // before it there is no room for another
	layertest.Publish(t, layer, "slow", "end")
	<-all
	if diff := cmp.Diff([]string{"0", "gap", "x", "end"}, events); diff != "" {
		t.Errorf("deliver and gap (-want +got):\n%s", diff)
	}
	if !strings.Contains(log.String(), "slow consumer") {
		t.Errorf("the log does not tell of it:\n%s", log.String())
	}
}
