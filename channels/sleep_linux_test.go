package channels_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sluicehq/sluice/channels"
)

// A sleeperServer serves rooms on TCP and remembers net/http's connections.
type sleeperServer struct {
	t   *testing.T
	url string

	mu    sync.Mutex
	conns []net.Conn
}

func newSleeperServer(t *testing.T, server *channels.Server) *sleeperServer {
	t.Helper()
	server.Park = 5 * time.Millisecond
	server.DrainWindow = -1
	hs := httptest.NewUnstartedServer(server.Handler(channels.Consume(func() *welcoming {
		return &welcoming{room{server, new(journal), "lobby"}}
	})))
	s := &sleeperServer{t: t}
	hs.Config.ConnContext = func(ctx context.Context, nc net.Conn) context.Context {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.conns = append(s.conns, nc)
		nc.(*net.TCPConn).SetWriteBuffer(64 << 10) // which is soon full
		return ctx
	}
	hs.Start()
	t.Cleanup(hs.Close)
	s.url = hs.URL
	return s
}

func (s *sleeperServer) dial(opts channels.DialOptions) *channels.Conn {
	s.t.Helper()
	opts.Origin = s.url
	c, _, err := channels.Dial(s.t.Context(), "ws"+strings.TrimPrefix(s.url, "http"), &opts)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.CloseNow() })
	for read(s.t, c) != "welcome" { // but what others have said
	}
	return c
}

// awaitSleep waits until no net.Conn is left of those that were accepted.
func (s *sleeperServer) awaitSleep() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for deadline := time.Now().Add(10 * time.Second); ; <-time.After(time.Millisecond) {
		awake := 0
		for _, nc := range s.conns {
			raw, err := nc.(syscall.Conn).SyscallConn()
			if err == nil && raw.Control(func(uintptr) {}) == nil {
				awake++
			}
		}
		if awake == 0 {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("%d net.Conns are left", awake)
		}
	}
}

// Of a parked socket there is no net.Conn any more; it is served all the same, and
// sleeps again.
func TestSleepAndRouse(t *testing.T) {
	server := quiet()
	s := newSleeperServer(t, server)
	c := s.dial(channels.DialOptions{})
	for range 3 {
		s.awaitSleep()
		if err := c.Write(t.Context(), channels.Text("hello")); err != nil {
			t.Fatal(err)
		}
		if got := read(t, c); got != "hello" {
			t.Fatalf("received %q", got)
		}
	}
	if err := server.Shutdown(endAtOnce(t)); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// endAtOnce returns a context for a shutdown whose clients do not answer.
func endAtOnce(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// A sleeping socket that is sent a message in pieces waits for the rest of it.
func TestSleeperWaitsForTheRest(t *testing.T) {
	server := quiet()
	s := newSleeperServer(t, server)
	c := s.dial(channels.DialOptions{})
	for range 3 {
		s.awaitSleep()
		w, err := c.Writer(t.Context(), channels.TextMessage)
		if err != nil {
			t.Fatal(err)
		}
		piece := strings.Repeat("x", 100<<10) // which is written at once
		for range 3 {
			if _, err := io.WriteString(w, piece); err != nil {
				t.Fatal(err)
			}
			<-time.After(20 * time.Millisecond) // longer than Server.Park
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if got := read(t, c); len(got) != 3*len(piece) {
			t.Fatalf("received %d bytes", len(got))
		}
	}
	server.Shutdown(endAtOnce(t))
}

// R8: the time for a message holds also for a socket that is asked to be parked again and
// again meanwhile.
func TestParkingGivesNoMoreTimeForAMessage(t *testing.T) {
	server := quiet()
	server.Upgrader.Limits.MessageTime = 50 * time.Millisecond
	s := newSleeperServer(t, server)
	c := s.dial(channels.DialOptions{})
	s.awaitSleep()
	w, err := c.Writer(t.Context(), channels.TextMessage)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, strings.Repeat("x", 100<<10)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := c.Read(ctx); channels.CloseStatus(err) != channels.StatusPolicyViolation {
		t.Errorf("the client was told %v", err)
	}
	server.Shutdown(endAtOnce(t))
}

// What the network does not take at once of a message to a sleeping socket is written
// when it does.
func TestSleeperIsSentALot(t *testing.T) {
	server := quiet()
	s := newSleeperServer(t, server)
	c := s.dial(channels.DialOptions{Limits: channels.Limits{MessageSize: -1}})
	large := bytes.Repeat([]byte("0123456789abcdef"), 1<<17)
	for range 3 {
		s.awaitSleep()
		if err := server.Broadcast(t.Context(), "lobby", channels.Message{Type: channels.BinaryMessage, Data: large}); err != nil {
			t.Fatal(err)
		}
		<-time.After(20 * time.Millisecond)
		if got := read(t, c); got != string(large) {
			t.Fatalf("received %d bytes", len(got))
		}
		if err := c.Write(t.Context(), channels.Text("still there")); err != nil {
			t.Fatal(err)
		}
		if got := read(t, c); got != "still there" {
			t.Fatalf("received %q", got)
		}
	}
	server.Shutdown(endAtOnce(t))
}

// Sockets fall asleep, are written to by several goroutines, get messages, and end in
// every way, all at once: each hears what it is to hear, and no descriptor is left over,
// nor closed twice, which would end another's connection.
func TestSleepersUnderLoad(t *testing.T) {
	before := descriptors(t)
	server := quiet()
	server.Park = time.Millisecond
	s := newSleeperServer(t, server)
	const steady, rounds = 16, 30
	var wg sync.WaitGroup
	for i := range steady {
		c := s.dial(channels.DialOptions{})
		wg.Go(func() {
			own := fmt.Sprintf("of %d", i)
			for round := range rounds {
				want := fmt.Sprintf("%s, %d", own, round)
				if err := c.Write(t.Context(), channels.Text(want)); err != nil {
					t.Error(err)
					return
				}
				for got := ""; got != want; {
					m, err := c.Read(t.Context())
					if err != nil {
						t.Error(err)
						return
					}
					got = string(m.Data)
				}
				<-time.After(time.Duration(i%5) * 4 * time.Millisecond)
			}
			if err := c.Close(channels.StatusNormalClosure, ""); err != nil {
				t.Error(err)
			}
		})
	}
	for i := range 4 * steady { // others come and go
		c := s.dial(channels.DialOptions{})
		wg.Go(func() {
			<-time.After(time.Duration(i%7) * 5 * time.Millisecond)
			switch i % 3 {
			case 0:
				c.CloseNow()
			case 1:
				go c.Discard(t.Context())
				c.Close(channels.StatusGoingAway, "")
			default:
				c.Write(t.Context(), channels.Text("quit"))
				c.Discard(t.Context())
			}
		})
	}
	wg.Wait()
	if err := server.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	for deadline := time.Now().Add(10 * time.Second); descriptors(t) > before+4; <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d descriptors, there were %d", descriptors(t), before)
		}
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}
