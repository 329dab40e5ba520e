package channels_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/wstest"
)

// rawDial makes a handshake and returns the connection for bytes of one's own.
func rawDial(t *testing.T, srv *wstest.Server) net.Conn {
	t.Helper()
	nc := srv.NetConn()
	if _, err := io.WriteString(nc, opening); err != nil {
		t.Fatal(err)
	}
	// The response is read byte by byte, so that nothing behind it is lost.
	var got []byte
	for b := make([]byte, 1); !bytes.HasSuffix(got, []byte("\r\n\r\n")); got = append(got, b...) {
		if _, err := nc.Read(b); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.HasPrefix(got, []byte("HTTP/1.1 101 ")) {
		t.Fatalf("handshake: %s", got)
	}
	return nc
}

// closeCode reads frames until the close frame, and then the end.
func closeCode(t *testing.T, nc net.Conn) (code channels.StatusCode) {
	t.Helper()
	nc.SetReadDeadline(time.Now().Add(10 * time.Minute))
	all, err := io.ReadAll(nc)
	if err != nil {
		t.Fatalf("the connection was not closed: %v", err)
	}
	for len(all) >= 2 {
		n, size := int(all[1]), 2
		if n == 126 && len(all) >= 4 {
			n, size = int(binary.BigEndian.Uint16(all[2:])), 4
		}
		if len(all) < size+n {
			break
		}
		if all[0] == 0x88 && n >= 2 {
			return channels.StatusCode(binary.BigEndian.Uint16(all[size:]))
		}
		all = all[size+n:]
	}
	return 0
}

// masked is a client's frame, with the masking key 0.
func masked(first byte, payload string) string {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = append(b, 0x80|126, byte(n>>8), byte(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	return string(append(b, 0, 0, 0, 0)) + payload
}

func TestLimits(t *testing.T) {
	kib := strings.Repeat("x", 1024)
	tests := []struct {
		name   string
		limits channels.Limits
		send   string
		want   channels.StatusCode
	}{
		{"F9 a length of 2^63-1", channels.Limits{}, "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00", channels.StatusMessageTooBig},
		{"F8 a length of 2^63", channels.Limits{}, "\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00", channels.StatusProtocolError},
		{"F10 two fragments whose sum overflows", channels.Limits{MessageSize: -1}, masked(0x02, "x") + "\x80\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00", channels.StatusMessageTooBig},
		{"F11 one byte over the limit", channels.Limits{MessageSize: 1024}, masked(0x82, kib+"x"), channels.StatusMessageTooBig},
		{"F11 exactly the limit", channels.Limits{MessageSize: 1024}, masked(0x82, kib) + masked(0x88, "\x03\xe8"), channels.StatusNormalClosure},
		{"F12 fragments over the limit", channels.Limits{MessageSize: 1024}, masked(0x02, kib) + masked(0x80, "x"), channels.StatusMessageTooBig},
		{"R1 endless empty fragments", channels.Limits{}, masked(0x02, "") + strings.Repeat(masked(0x00, ""), 2000), channels.StatusPolicyViolation},
		{"R2 fragments of one byte", channels.Limits{Fragments: 10}, masked(0x02, "x") + strings.Repeat(masked(0x00, "x"), 10), channels.StatusPolicyViolation},
		{"as many fragments as allowed", channels.Limits{Fragments: 10}, masked(0x02, "x") + strings.Repeat(masked(0x00, "x"), 8) + masked(0x80, "x") + masked(0x88, "\x03\xe8"), channels.StatusNormalClosure},
		{"R3 pings", channels.Limits{}, strings.Repeat(masked(0x89, "x"), 101), channels.StatusPolicyViolation},
		{"R4 unsolicited pongs", channels.Limits{}, strings.Repeat(masked(0x8a, "x"), 101), channels.StatusPolicyViolation},
		{"R4 a few unsolicited pongs", channels.Limits{}, strings.Repeat(masked(0x8a, "x"), 50) + masked(0x88, "\x03\xe8"), channels.StatusNormalClosure},
		{"messages", channels.Limits{MessagesPerSecond: 5}, strings.Repeat(masked(0x81, "x"), 6), channels.StatusPolicyViolation},
		{"R7 half a header", channels.Limits{}, "\x82", channels.StatusPolicyViolation},
		{"R7 half a message", channels.Limits{}, masked(0x02, kib), channels.StatusPolicyViolation},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := quiet()
				server.Upgrader.Limits = tt.limits
				nc := rawDial(t, wstest.NewServer(t, server.HandlerFunc(echo)))
				go io.WriteString(nc, tt.send)
				if got := closeCode(t, nc); got != tt.want {
					t.Errorf("closed with %v, want %v", got, tt.want)
				}
			})
		})
	}
}

// R8: a byte every 29 seconds keeps no message alive.
func TestSlowMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nc := rawDial(t, wstest.NewServer(t, quiet().HandlerFunc(echo)))
		start := time.Now()
		go func() {
			for _, b := range []byte(masked(0x82, strings.Repeat("x", 100))) {
				if _, err := nc.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(29 * time.Second)
			}
		}()
		if got := closeCode(t, nc); got != channels.StatusPolicyViolation {
			t.Errorf("closed with %v", got)
		}
		if d := time.Since(start); d < time.Minute || d > 62*time.Second {
			t.Errorf("closed after %v, want a minute", d)
		}
		nc.Close()
		time.Sleep(time.Minute)
	})
}

// A peer that is silent is pinged, and given up when it does not answer: a client
// of ours answers for ever.
func TestKeepalive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := wstest.NewServer(t, quiet().HandlerFunc(echo))
		alive := srv.Dial("/")
		go alive.Discard(t.Context())
		nc, start := rawDial(t, srv), time.Now()
		all, _ := io.ReadAll(nc)
		if d := time.Since(start); d < 60*time.Second || d > 90*time.Second {
			t.Errorf("given up after %v, want 60 to 90 s", d)
		}
		if !bytes.HasPrefix(all, []byte{0x89, 0}) {
			t.Errorf("received % x, want a ping first", all)
		}
		time.Sleep(time.Hour)
		if err := alive.Ping(t.Context()); err != nil {
			t.Errorf("the client that answers was given up: %v", err)
		}
	})
}

// R5, R6, R12: a client that does not read, or reads a byte a second, costs a
// bounded queue, and the others of its group nothing.
func TestSlowReader(t *testing.T) {
	for name, read := range map[string]func(net.Conn){
		"R5 reads nothing":         func(net.Conn) {},
		"R6 reads a byte a second": func(nc net.Conn) { nc.Read(make([]byte, 1)) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := quiet()
				server.Upgrader.PingInterval = -1 // the healthy one does not always read
				srv := wstest.NewServer(t, server.HandlerFunc(func(ctx context.Context, s *channels.Socket) error {
					if err := s.Join(ctx, "lobby"); err != nil {
						return err
					}
					_, err := s.Read(ctx)
					return err
				}))
				stuck, healthy := rawDial(t, srv), srv.Dial("/")
				ended := make(chan struct{})
				go func() {
					defer close(ended)
					for range 60 {
						read(stuck)
						time.Sleep(time.Second)
					}
				}()
				synctest.Wait()
				start := time.Now()
				payload := strings.Repeat("x", 16<<10)
				for range 200 { // 3 MiB
					if err := server.Broadcast(t.Context(), "lobby", channels.Text(payload)); err != nil {
						t.Fatal(err)
					}
					healthy.Want(payload)
				}
				if d := time.Since(start); d != 0 {
					t.Errorf("the healthy one waited %v for the stuck one", d)
				}
				<-ended
				n := 0
				for range server.Sockets() {
					n++
				}
				if n != 1 {
					t.Errorf("%d sockets are open, want the healthy one only", n)
				}
			})
		})
	}
}

// Policies for a full queue: what is dropped is dropped as a whole, in order.
func TestSlowPolicies(t *testing.T) {
	tests := []struct {
		policy channels.SlowPolicy
		want   string
	}{
		{channels.DropOldest, "x 7 8 9"},
		{channels.DropNewest, "x 0 1 2"},
	}
	for _, tt := range tests {
		t.Run(tt.want, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := quiet()
				server.Slow, server.Queue.Messages = tt.policy, 3
				srv := wstest.NewServer(t, server.HandlerFunc(func(ctx context.Context, s *channels.Socket) error {
					// Larger than the network's buffer: what follows waits.
					s.Send(ctx, channels.Text(strings.Repeat("x", 200<<10)))
					synctestYield()
					for i := range 10 {
						s.Send(ctx, channels.Text(string(rune('0'+i))))
					}
					return s.Flush(ctx)
				}))
				c := srv.Dial("/")
				time.Sleep(time.Second)
				var got []string
				for {
					m, err := c.Read(t.Context())
					if err != nil {
						break
					}
					got = append(got, string(m.Data[:1]))
				}
				if s := strings.Join(got, " "); s != tt.want {
					t.Errorf("received %s, want %s", s, tt.want)
				}
			})
		})
	}
}

// synctestYield lets the network take what it can, in fake time.
func synctestYield() { time.Sleep(time.Millisecond) }

// F11: nothing is allocated from an announced length.
func TestAnnouncedLengthIsNotAllocated(t *testing.T) {
	server := quiet()
	server.Upgrader.Limits.MessageSize = 1 << 40
	srv := wstest.NewServer(t, server.HandlerFunc(echo))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 50 {
		nc := rawDial(t, srv)
		io.WriteString(nc, "\x82\xff\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00\x00\x00x") // 64 GiB, of which one byte comes
		io.WriteString(nc, "y")
		nc.Close()
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 50<<20 {
		t.Errorf("%d bytes allocated for 50 connections", used)
	}
}

// R10: after a thousand connections have come and gone nothing is left.
func TestChurn(t *testing.T) {
	server := quiet()
	srv := wstest.NewServer(t, guarded(server, channels.Guard{Tags: []string{"user:1"}}, channels.HandlerFunc(
		func(ctx context.Context, s *channels.Socket) error {
			s.Join(ctx, "lobby")
			return echo(ctx, s)
		})))
	base := runtime.NumGoroutine()
	for range 1000 {
		c := srv.Dial("/")
		c.Send("x")
		c.Want("x")
		c.CloseNow()
	}
	if err := server.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := 0; runtime.NumGoroutine() > base+5; i++ {
		if i == 1000 {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), base)
		}
		runtime.Gosched()
		<-time.After(time.Millisecond)
	}
}
