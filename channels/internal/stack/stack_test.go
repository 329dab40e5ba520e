package stack_test

import (
	"runtime"
	"sync"
	"testing"

	"github.com/sluicehq/sluice/channels/internal/stack"
)

// A goroutine that has reserved room has a larger stack while it waits.
func TestReserve(t *testing.T) {
	const goroutines = 1000
	inUse := func(begin func()) uint64 {
		var before, during runtime.MemStats
		runtime.ReadMemStats(&before)
		var started, ended sync.WaitGroup
		leave := make(chan struct{})
		for range goroutines {
			started.Add(1)
			ended.Go(func() {
				begin()
				started.Done()
				<-leave
			})
		}
		started.Wait()
		runtime.ReadMemStats(&during)
		close(leave)
		ended.Wait()
		return during.StackInuse - before.StackInuse
	}
	without := inUse(func() {}) // first: new goroutines get what the others have needed
	with := inUse(stack.Reserve)
	if grown := int64(with) - int64(without); grown < goroutines*3584 {
		t.Errorf("%d goroutines have %d bytes of stack with Reserve, %d without", goroutines, with, without)
	}
}
