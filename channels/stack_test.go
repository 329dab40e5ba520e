//go:build !race && unix

package channels_test

import (
	"context"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/channels"
)

// The goroutine of an idle socket gets along with the smallest stack that there is,
// 2 KiB, also when it has served a message: one frame more on the way to the system call
// may double it. (The frames of the race detector are larger.)
func TestIdleStackIsSmall(t *testing.T) {
	const sameSize = "adaptivestackstart=0" // or new stacks are as large as others are on average
	if !strings.Contains(os.Getenv("GODEBUG"), sameSize) {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestIdleStackIsSmall$")
		cmd.Env = append(os.Environ(), "GODEBUG="+sameSize)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return
	}
	server := quiet()
	server.Park = -1
	hs := httptest.NewServer(server.Handler(channels.ConsumeBorrowed(func() sender { return sender{} })))
	t.Cleanup(hs.Close)
	before := stacks()
	const n = 400
	clients := make([]*channels.Conn, n)
	for i := range clients {
		c, _, err := channels.Dial(t.Context(), "ws"+strings.TrimPrefix(hs.URL, "http"), &channels.DialOptions{Origin: hs.URL})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.CloseNow() })
		clients[i] = c
		if err := c.Write(t.Context(), channels.Text("hello")); err != nil {
			t.Fatal(err)
		}
		if got := read(t, c); got != "hello" {
			t.Fatalf("received %q", got)
		}
	}
	each := func() int { return (stacks() - before) / n }
	for deadline := time.Now().Add(10 * time.Second); each() > 3<<10; <-time.After(10 * time.Millisecond) { // those of net/http end
		if time.Now().After(deadline) {
			t.Fatalf("%d bytes of stack for each socket", each())
		}
	}
	for _, c := range clients {
		c.CloseNow()
	}
	if err := server.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

// A sender sends what it receives back.
type sender struct{}

func (sender) ReceiveBorrowed(ctx context.Context, s *channels.Socket, m channels.Message) error {
	return s.Send(ctx, m)
}

// stacks returns the bytes of all stacks but those of goroutines that have ended.
func stacks() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.StackInuse)
}
