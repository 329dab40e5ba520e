package memnet_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/nettest"

	"github.com/sluicehq/sluice/channels/internal/memnet"
)

func TestConn(t *testing.T) {
	for _, buffer := range []int{0, 1000} {
		nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
			c1, c2 = memnet.Config{Buffer: buffer}.Pipe()
			return c1, c2, func() { c1.Close(); c2.Close() }, nil
		})
	}
}

func TestConnOfListener(t *testing.T) {
	nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
		l := memnet.Listen()
		c1, err = l.Dial(t.Context())
		if err != nil {
			return nil, nil, nil, err
		}
		c2, err = l.Accept()
		return c1, c2, func() { c1.Close(); c2.Close(); l.Close() }, err
	})
}

// What a Write leaves in the buffer is there after Close; what does not fit waits,
// and the wait is one that lets the clock of a bubble go on.
func TestBuffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := memnet.Config{Buffer: 10}.Pipe()
		write(t, client, "0123456789")
		wrote := false
		go func() {
			write(t, client, "abc")
			wrote = true
			client.Close()
		}()
		time.Sleep(time.Hour)
		synctest.Wait()
		if wrote {
			t.Error("Write into a full buffer has returned")
		}
		got, err := io.ReadAll(server)
		if err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff("0123456789abc", string(got)); diff != "" {
			t.Errorf("read (-want +got):\n%s", diff)
		}
		server.Close()
	})
}

func TestWritesAreNotMixed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := memnet.Config{Buffer: 3}.Pipe()
		defer server.Close()
		for _, text := range []string{"aaaaaaaa", "bbbbbbbb", "cccccccc"} {
			go write(t, client, text)
		}
		synctest.Wait()
		got := make([]byte, 24)
		if _, err := io.ReadFull(server, got); err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(got); i += 8 {
			if one := string(got[i : i+8]); strings.Trim(one, one[:1]) != "" {
				t.Errorf("read %q: two Writes are mixed", got)
			}
		}
		client.Close()
	})
}

func TestHalfClose(t *testing.T) {
	client, server := memnet.Pipe()
	defer server.Close()
	write(t, client, "request")
	if err := client.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Write([]byte("more")); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("Write after CloseWrite: %v, want io.ErrClosedPipe", err)
	}
	got, err := io.ReadAll(server)
	if err != nil || string(got) != "request" {
		t.Errorf("the other end read %q, %v", got, err)
	}
	write(t, server, "answer")
	p := make([]byte, 10)
	if n, err := client.Read(p); err != nil || string(p[:n]) != "answer" {
		t.Errorf("this end read %q, %v", p[:n], err)
	}
	client.Close()
	if _, err := server.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("Write to an end that is closed: %v, want io.ErrClosedPipe", err)
	}
}

func TestCloseEndsEveryWait(t *testing.T) {
	type call func(client, server *memnet.Conn, p []byte) (int, error)
	tests := map[string]struct {
		call call
		want error
	}{
		"Read here":   {func(c, _ *memnet.Conn, p []byte) (int, error) { return c.Read(p) }, net.ErrClosed},
		"Write here":  {func(c, _ *memnet.Conn, p []byte) (int, error) { return c.Write(p) }, net.ErrClosed},
		"Read there":  {func(_, s *memnet.Conn, p []byte) (int, error) { return s.Read(p) }, io.EOF},
		"Write there": {func(_, s *memnet.Conn, p []byte) (int, error) { return s.Write(p) }, io.ErrClosedPipe},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, server := memnet.Config{Buffer: 1}.Pipe()
				defer server.Close()
				result := make(chan error, 1)
				go func() { // ended by client.Close, waited for by the receive
					_, err := test.call(client, server, make([]byte, 10))
					result <- err
				}()
				synctest.Wait()
				if len(result) != 0 {
					t.Fatal("the call has returned before Close")
				}
				client.Close()
				if err := <-result; !errors.Is(err, test.want) {
					t.Errorf("the call returned %v, want %v", err, test.want)
				}
			})
		})
	}
}

func TestAfterClose(t *testing.T) {
	client, server := memnet.Pipe()
	defer server.Close()
	client.Close()
	_, readErr := client.Read(make([]byte, 1))
	_, writeErr := client.Write(make([]byte, 1))
	for op, err := range map[string]error{
		"Read":        readErr,
		"Write":       writeErr,
		"Close":       client.Close(),
		"CloseWrite":  client.CloseWrite(),
		"SetDeadline": client.SetDeadline(time.Now()),
	} {
		if !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s after Close: %v, want net.ErrClosed", op, err)
		}
	}
}

// A deadline ends a wait at its time, wins over bytes that are there, and can be
// moved or taken back while somebody waits.
func TestDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := memnet.Config{Buffer: 4}.Pipe()
		defer client.Close()
		defer server.Close()
		start := time.Now()
		after := func(op string, want time.Duration, err error) {
			t.Helper()
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%s: %v, want os.ErrDeadlineExceeded", op, err)
			}
			var netErr net.Error
			if !errors.As(err, &netErr) || !netErr.Timeout() {
				t.Errorf("%s: %v is no timeout", op, err)
			}
			if got := time.Since(start); got != want {
				t.Errorf("%s returned after %v, want %v", op, got, want)
			}
		}

		client.SetReadDeadline(start.Add(10 * time.Second))
		_, err := client.Read(make([]byte, 1))
		after("Read", 10*time.Second, err)

		write(t, server, "data")
		_, err = client.Read(make([]byte, 1))
		after("Read of data after the deadline", 10*time.Second, err)
		client.SetReadDeadline(time.Time{})
		if n, err := client.Read(make([]byte, 9)); n != 4 || err != nil {
			t.Errorf("Read after taking the deadline back: %d, %v", n, err)
		}

		client.SetReadDeadline(start.Add(20 * time.Second))
		time.AfterFunc(5*time.Second, func() { client.SetReadDeadline(start.Add(40 * time.Second)) })
		_, err = client.Read(make([]byte, 1))
		after("Read whose deadline was moved", 40*time.Second, err)

		client.SetReadDeadline(time.Time{})
		time.AfterFunc(5*time.Second, func() { client.SetReadDeadline(time.Unix(1, 0)) })
		_, err = client.Read(make([]byte, 1))
		after("Read that a deadline in the past ends", 45*time.Second, err)

		client.SetWriteDeadline(start.Add(50 * time.Second))
		n, err := client.Write([]byte("0123456789"))
		after("Write", 50*time.Second, err)
		if n != 4 {
			t.Errorf("Write that was ended returned %d, want 4: what was in the buffer", n)
		}
	})
}

func TestAddresses(t *testing.T) {
	l := memnet.Config{
		Client: netip.MustParseAddrPort("192.0.2.7:5000"),
		Server: netip.MustParseAddrPort("[2001:db8::1]:443"),
	}.Listen()
	defer l.Close()
	var got []string
	for range 2 {
		client, err := l.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		server, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		got = append(got, client.LocalAddr().String(), client.RemoteAddr().String(),
			server.LocalAddr().String(), server.RemoteAddr().String())
	}
	want := []string{
		"192.0.2.7:5000", "[2001:db8::1]:443", "[2001:db8::1]:443", "192.0.2.7:5000",
		"192.0.2.7:5001", "[2001:db8::1]:443", "[2001:db8::1]:443", "192.0.2.7:5001",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
}

func TestListenerClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := memnet.Listen()
		accepted := make(chan error)
		go func() { // ended by l.Close below, waited for by the receive
			_, err := l.Accept()
			accepted <- err
		}()
		synctest.Wait()
		l.Close()
		if err := <-accepted; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept: %v, want net.ErrClosed", err)
		}
		if _, err := l.Dial(t.Context()); err == nil {
			t.Error("Dial to a closed listener succeeded")
		}
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("second Close: %v, want net.ErrClosed", err)
		}
	})
}

func TestListenerCloseEndsTheQueue(t *testing.T) {
	l := memnet.Listen()
	client, err := l.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	l.Close()
	if _, err := client.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("Read of a connection that was not accepted: %v, want io.EOF", err)
	}
}

func TestDialCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	l := memnet.Listen()
	defer l.Close()
	if _, err := l.Dial(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Dial: %v, want context.Canceled", err)
	}
}

func write(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if n, err := io.WriteString(conn, text); n != len(text) || err != nil {
		t.Errorf("Write(%q) = %d, %v", text, n, err)
	}
}

func BenchmarkPingPong(b *testing.B) {
	client, server := memnet.Pipe()
	done := make(chan struct{})
	go func() { // ended by client.Close below
		defer close(done)
		io.Copy(server, server)
	}()
	p := make([]byte, 100)
	b.ReportAllocs()
	for b.Loop() {
		client.Write(p)
		io.ReadFull(client, p)
	}
	client.Close()
	<-done
}
