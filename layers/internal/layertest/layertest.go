// Package layertest is what the tests of the layers have in common, beside the contract.
package layertest

import (
	"bytes"
	"sync"
	"testing"
	"time"

	"github.com/sluicehq/sluice/channels"
)

// patience is how long something may take that is certain to come.
const patience = 20 * time.Second

// A Sink keeps what a subscription is given.
type Sink struct {
	Msgs chan string
	Gaps chan int
}

// Subscribe subscribes to a topic until the end of the test.
func Subscribe(t testing.TB, layer channels.Layer, topic string) *Sink {
	t.Helper()
	s := &Sink{Msgs: make(chan string, 100_000), Gaps: make(chan int, 100)}
	cancel, err := layer.Subscribe(t.Context(), topic,
		func(msg []byte) { s.Msgs <- string(msg) },
		func() { s.Gaps <- 1 })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel() })
	return s
}

// Publish publishes a message.
func Publish(t testing.TB, layer channels.Layer, topic, msg string) {
	t.Helper()
	if err := layer.Publish(t.Context(), topic, []byte(msg)); err != nil {
		t.Fatal(err)
	}
}

// Want waits for the next message.
func (s *Sink) Want(t testing.TB, want string) {
	t.Helper()
	select {
	case got := <-s.Msgs:
		if got != want {
			t.Fatalf("delivered is %q, want %q", got, want)
		}
	case <-time.After(patience):
		t.Fatalf("%q is not delivered", want)
	}
}

// WantGap waits for a gap.
func (s *Sink) WantGap(t testing.TB) {
	t.Helper()
	select {
	case <-s.Gaps:
	case <-time.After(patience):
		t.Fatal("gap is not called")
	}
}

// A Log can be written to and read at the same time.
type Log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
