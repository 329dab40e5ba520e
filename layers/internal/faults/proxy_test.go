package faults_test

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/sluicehq/sluice/channels/wstest"
	"github.com/sluicehq/sluice/layers/internal/faults"
)

func TestMain(m *testing.M) { wstest.Main(m) }

// echo starts a server that sends back what it hears, and a proxy before it.
func echo(t *testing.T) *faults.Proxy {
	t.Helper()
	return faults.StartProxy(t, "tcp", listenEcho(t))
}

func listenEcho(t *testing.T) (addr string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { // ended by listener.Close
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { // ended by the proxy, which closes its connections
				defer conn.Close()
				io.Copy(conn, conn)
			}()
		}
	}()
	t.Cleanup(func() { listener.Close(); <-done })
	return listener.Addr().String()
}

// A client is a connection through the proxy.
type client struct {
	*testing.T
	net.Conn
}

func dial(t *testing.T, p *faults.Proxy) client {
	t.Helper()
	conn, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return client{t, conn}
}

func (c client) say(text string) {
	c.Helper()
	if _, err := io.WriteString(c.Conn, text); err != nil {
		c.Fatal(err)
	}
}

// hear reads until want has come, the connection ends or patience does.
func (c client) hear(want string, patience time.Duration) (string, error) {
	c.Conn.SetReadDeadline(time.Now().Add(patience))
	p := make([]byte, len(want))
	n, err := io.ReadFull(c.Conn, p)
	return string(p[:n]), err
}

func (c client) want(want string) {
	c.Helper()
	if got, err := c.hear(want, 5*time.Second); got != want {
		c.Fatalf("heard %q, %v; want %q", got, err, want)
	}
}

func (c client) wantEnd(before string) {
	c.Helper()
	got, err := c.hear(before+"x", 5*time.Second)
	if got != before || err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		c.Fatalf("heard %q, %v; want %q and the end of the connection", got, err, before)
	}
}

func (c client) wantSilence() {
	c.Helper()
	if got, err := c.hear("x", 30*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		c.Fatalf("heard %q, %v; want silence", got, err)
	}
}

func TestForward(t *testing.T) {
	p := echo(t)
	a, b := dial(t, p), dial(t, p)
	a.say("hello")
	b.say("world")
	a.want("hello")
	b.want("world")
	if got := p.Accepted(); got != 2 {
		t.Errorf("Accepted() = %d, want 2", got)
	}
}

func TestCut(t *testing.T) {
	p := echo(t)
	before := dial(t, p)
	before.say("hello")
	before.want("hello")
	restore := p.Cut()
	before.wantEnd("")
	dial(t, p).wantEnd("")
	restore()
	after := dial(t, p)
	after.say("again")
	after.want("again")
	p.Break()
	after.wantEnd("")
}

func TestHold(t *testing.T) {
	p := echo(t)
	c := dial(t, p)
	c.say("hello")
	c.want("hello")
	release := p.Hold()
	c.say("later")
	c.wantSilence()
	release()
	c.want("later")
}

func TestDeafen(t *testing.T) {
	p := echo(t)
	c := dial(t, p)
	c.say("hello") // so that it is known to be connected
	c.want("hello")
	p.Deafen()
	c.say("lost")
	c.wantSilence()
	next := dial(t, p)
	next.say("heard")
	next.want("heard")
}

func TestHalve(t *testing.T) {
	p := echo(t)
	c := dial(t, p)
	p.Halve()
	c.say("0123456789") // of which the server may hear, and send back, the first half
	got, err := c.hear("0123456789", 5*time.Second)
	if err == nil || len(got) > 5 || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("heard %q, %v; want at most half and the end of the connection", got, err)
	}
	next := dial(t, p)
	next.say("0123456789")
	next.want("0123456789")
}

func TestDelay(t *testing.T) {
	p := echo(t)
	c := dial(t, p)
	p.Delay(30 * time.Millisecond)
	start := time.Now()
	c.say("hello")
	c.want("hello")
	if got := time.Since(start); got < 60*time.Millisecond {
		t.Errorf("there and back took %v, want 60 ms at least", got)
	}
}

func TestRetarget(t *testing.T) {
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	p := faults.StartProxy(t, "tcp", gone.Addr().String())
	dial(t, p).wantEnd("")
	p.Retarget(listenEcho(t))
	c := dial(t, p)
	c.say("hello")
	c.want("hello")
}
