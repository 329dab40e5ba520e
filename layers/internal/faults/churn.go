package faults

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// Churn has several goroutines subscribe to the same few topics and cancel, so
// that the engine is told to begin and to end a subscription in quick turns. Each
// must get what is published after Subscribe has returned. When proxy is not nil
// the receiver is connected through it, its connections break all the time for a
// second, and a gap will do.
func Churn(t *testing.T, publisher, receiver Layer, proxy *Proxy) {
	t.Helper()
	stop := make(chan struct{})
	var breaking sync.WaitGroup
	begun := time.Now()
	if proxy != nil {
		breaking.Go(func() { // ended by stop
			for {
				select {
				case <-stop:
					return
				case <-time.After(20 * time.Millisecond):
					proxy.Break()
				}
			}
		})
	}
	var workers sync.WaitGroup
	for i := range 8 {
		workers.Go(func() {
			for round := 0; proxy == nil && round < 50 || proxy != nil && time.Since(begun) < time.Second; round++ {
				err := subscribeOnce(t, publisher, receiver, fmt.Sprint("topic", round%3), fmt.Sprint(i, " ", round), proxy != nil)
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	workers.Wait()
	close(stop)
	breaking.Wait()
}

func subscribeOnce(t *testing.T, publisher, receiver Layer, topic, msg string, gapWillDo bool) error {
	told := make(chan string, 1000)
	deliver := func(got []byte) {
		if string(got) == msg {
			told <- msg
		}
	}
	gap := func() { told <- "gap" }
	var cancel func() error
	for deadline := time.Now().Add(20 * time.Second); ; {
		var err error
		if cancel, err = receiver.Subscribe(t.Context(), topic, deliver, gap); err == nil {
			break
		}
		if !gapWillDo || time.Now().After(deadline) {
			return err
		}
	}
	defer cancel()
	if err := publisher.Publish(t.Context(), topic, []byte(msg)); err != nil {
		return err
	}
	select {
	case what := <-told:
		if what == "gap" && !gapWillDo {
			return fmt.Errorf("%s: gap was called though the connection was not lost", topic)
		}
		return nil
	case <-time.After(10 * time.Second):
		return fmt.Errorf("%s: what was published after Subscribe is not delivered", topic)
	}
}
