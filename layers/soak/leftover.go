package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"strconv"
	"syscall"
	"time"
)

// A leftover is what a process holds that it may forget to give back.
type leftover struct {
	Goroutines  int
	Descriptors int
}

func count() leftover {
	l := leftover{Goroutines: runtime.NumGoroutine()}
	if entries, err := os.ReadDir("/proc/self/fd"); err == nil {
		l.Descriptors = len(entries) - 1 // but the one that reads them
	}
	return l
}

// settled counts when it is no more than limit, or ten seconds later: what has ended
// takes a moment to go.
func settled(limit leftover) leftover {
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		now := count()
		if !now.over(limit) || time.Now().After(deadline) {
			return now
		}
	}
}

func (l leftover) over(limit leftover) bool {
	return l.Goroutines > limit.Goroutines || l.Descriptors > limit.Descriptors
}

func (l leftover) String() string {
	return fmt.Sprintf("%d goroutines, %d descriptors", l.Goroutines, l.Descriptors)
}

// explain writes what is left over to the log: stacks, and what the descriptors are of.
func explain() {
	pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, entry := range entries {
		link, _ := os.Readlink("/proc/self/fd/" + entry.Name())
		fmt.Fprintf(os.Stderr, "descriptor %s: %s %s\n", entry.Name(), link, ends(entry.Name()))
	}
}

// ends returns the ports of a descriptor that is a TCP connection.
func ends(name string) string {
	fd, _ := strconv.Atoi(name)
	here, _ := syscall.Getsockname(fd)
	there, _ := syscall.Getpeername(fd)
	return fmt.Sprint(port(here), " ", port(there))
}

func port(a syscall.Sockaddr) int {
	if a, ok := a.(*syscall.SockaddrInet4); ok {
		return a.Port
	}
	return 0
}
