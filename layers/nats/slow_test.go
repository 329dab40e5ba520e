package natslayer_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	natslayer "github.com/sluicehq/sluice/layers/nats"
)

// A subscription that is too slow loses what does not fit, and gap is called in
// the place where it is missing.
func TestSlowSubscription(t *testing.T) {
	var log syncBuffer
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
	witness := subscribe(t, layer, "witness")

	publish(t, layer, "slow", "0")
	<-first
	for range 10 {
		publish(t, layer, "slow", "x")
	}
	publish(t, layer, "witness", "all are here")
	witness.want(t, "all are here")
	close(release)
	<-next // before it there is no room for another
	publish(t, layer, "slow", "end")
	<-all
	if diff := cmp.Diff([]string{"0", "gap", "x", "end"}, events); diff != "" {
		t.Errorf("deliver and gap (-want +got):\n%s", diff)
	}
	if !strings.Contains(log.String(), "slow consumer") {
		t.Errorf("the log does not tell of it:\n%s", log.String())
	}
}

// A syncBuffer can be written to and read at the same time.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
