package natslayer_test

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/sluicehq/sluice/layers/internal/faults"
	"github.com/sluicehq/sluice/layers/internal/layertest"
	natslayer "github.com/sluicehq/sluice/layers/nats"
)

// quick makes a connection again sooner than one should in production.
var quick = nats.ReconnectWait(50 * time.Millisecond)

func TestStorm(t *testing.T) {
	target := addr(runServer(t, nil))
	proxy := faults.StartProxy(t, "tcp", target)
	opts := &natslayer.Options{NATS: []nats.Option{quick, nats.ReconnectJitter(50*time.Millisecond, 0)}}
	storm := faults.Storm{
		Proxy:     proxy,
		Publisher: connect(t, target, nil),
		Receiver:  connect(t, proxy.Addr(), opts),
	}
	storm.Run(t, 3*time.Second)
}

func TestStormBehind(t *testing.T) {
	proxy := faults.StartProxy(t, "tcp", addr(runServer(t, nil)))
	opts := &natslayer.Options{NATS: []nats.Option{quick, nats.ReconnectJitter(50*time.Millisecond, 0)}}
	layer := connect(t, proxy.Addr(), opts)
	storm := faults.Storm{Proxy: proxy, Publisher: layer, Receiver: layer, Behind: true}
	storm.Run(t, 3*time.Second)
}

// A tracker dials, and knows which of its connections are open.
type tracker struct {
	mu   sync.Mutex
	all  []*tracked
	tell chan int // gets how many there are, when there is another
}

type tracked struct {
	net.Conn
	closed atomic.Bool
}

func (c *tracked) Close() error {
	c.closed.Store(true)
	return c.Conn.Close()
}

func (d *tracker) Dial(network, address string) (net.Conn, error) {
	conn, err := net.Dial(network, address)
	if err != nil {
		return nil, err
	}
	c := &tracked{Conn: conn}
	d.mu.Lock()
	d.all = append(d.all, c)
	n := len(d.all)
	d.mu.Unlock()
	select {
	case d.tell <- n:
	default:
	}
	return c, nil
}

// open returns how many connections are open.
func (d *tracker) open() (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.all {
		if !c.closed.Load() {
			n++
		}
	}
	return n
}

// A server that takes connections and ends them, time and again, costs no descriptors.
func TestVainAttemptsAreClosed(t *testing.T) {
	proxy := faults.StartProxy(t, "tcp", addr(runServer(t, nil)))
	dialer := &tracker{tell: make(chan int, 1)}
	opts := &natslayer.Options{NATS: []nats.Option{nats.SetCustomDialer(dialer), nats.ReconnectWait(time.Millisecond), nats.ReconnectJitter(0, 0)}}
	layer := connect(t, proxy.Addr(), opts)
	restore := proxy.Cut()
	for n := range dialer.tell {
		if open := dialer.open(); open > 1 {
			t.Fatalf("%d connections are open, of %d", open, n)
		}
		if n > 5 {
			break
		}
	}
	restore()
	s := layertest.Subscribe(t, layer, "topic")
	layertest.Publish(t, layer, "topic", "x")
	s.Want(t, "x")
	layer.Close()
	if open := dialer.open(); open > 0 {
		t.Errorf("%d connections are open after Close", open)
	}
}

func TestErrDisconnected(t *testing.T) {
	proxy := faults.StartProxy(t, "tcp", addr(runServer(t, nil)))
	layer := connect(t, proxy.Addr(), nil)
	s := layertest.Subscribe(t, layer, "topic")
	restore := proxy.Cut()
	defer restore()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		err := layer.Publish(t.Context(), "topic", []byte("x"))
		if errors.Is(err, natslayer.ErrDisconnected) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("Publish without a connection: %v, want ErrDisconnected", err)
		}
	}
	restore()
	s.WantGap(t)
}

// A connection that says nothing any more is given up.
func TestSilentConnection(t *testing.T) {
	proxy := faults.StartProxy(t, "tcp", addr(runServer(t, nil)))
	layer := connect(t, proxy.Addr(), &natslayer.Options{
		NATS: []nats.Option{quick, nats.PingInterval(100 * time.Millisecond), nats.Timeout(100 * time.Millisecond)},
	})
	s := layertest.Subscribe(t, layer, "topic")
	release := proxy.Hold()
	time.AfterFunc(time.Second, release)
	s.WantGap(t)
	layertest.Publish(t, layer, "topic", "again")
	for msg := range s.Msgs {
		if msg == "again" {
			break
		}
	}
}

// The process that NATS runs in dies and another takes its place.
func TestServerKilled(t *testing.T) {
	first := startProcess(t, "-1")
	proxy := faults.StartProxy(t, "tcp", first.addr)
	a, b := connect(t, proxy.Addr(), nil), connect(t, proxy.Addr(), nil)
	own, other := layertest.Subscribe(t, a, "topic"), layertest.Subscribe(t, b, "topic")
	layertest.Publish(t, a, "topic", "before")
	own.Want(t, "before")
	other.Want(t, "before")

	first.kill()
	proxy.Retarget(startProcess(t, "-1").addr)
	own.WantGap(t)
	other.WantGap(t)
	layertest.Publish(t, a, "topic", "after")
	own.Want(t, "after")
	other.Want(t, "after")
}
