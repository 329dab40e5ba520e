package channels_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/channels"
)

// overTCPAndTLS runs a test with servers of both kinds.
func overTCPAndTLS(t *testing.T, test func(t *testing.T, start func(*httptest.Server))) {
	t.Run("TCP", func(t *testing.T) { test(t, (*httptest.Server).Start) })
	t.Run("TLS", func(t *testing.T) { test(t, (*httptest.Server).StartTLS) })
}

// parkedClients returns clients of a server whose sockets are parked.
func parkedClients(t *testing.T, start func(*httptest.Server), server *channels.Server, n int) []*channels.Conn {
	t.Helper()
	server.Park = 5 * time.Millisecond
	if server.DrainWindow == 0 {
		server.DrainWindow = -1
	}
	hs := httptest.NewUnstartedServer(guarded(server, channels.Guard{Tags: []string{"user:1"}},
		channels.Consume(func() *welcoming { return &welcoming{room{server, new(journal), "lobby"}} })))
	start(hs)
	t.Cleanup(hs.Close)
	opts := &channels.DialOptions{Origin: hs.URL}
	if hs.TLS != nil {
		opts.NetDial = func(_ context.Context, network, addr string) (net.Conn, error) {
			nc, err := net.Dial(network, addr)
			return &halvingConn{Conn: nc}, err
		}
		opts.TLSConfig = &tls.Config{RootCAs: x509.NewCertPool()}
		opts.TLSConfig.RootCAs.AddCert(hs.Certificate())
	}
	base := runtime.NumGoroutine()
	clients := make([]*channels.Conn, n)
	for i := range clients {
		c, _, err := channels.Dial(t.Context(), "ws"+strings.TrimPrefix(hs.URL, "http"), opts)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.CloseNow() })
		clients[i] = c
		if got := read(t, c); got != "welcome" { // it has joined
			t.Fatalf("received %q", got)
		}
	}
	if runtime.GOOS == "linux" {
		awaitGoroutines(t, base+n/2) // one each would be at least n
	}
	return clients
}

// A halvingConn writes each TLS record in two parts; after the handshakes it waits
// between them for longer than a server's Park.
type halvingConn struct {
	net.Conn
	records int
}

func (c *halvingConn) Write(b []byte) (int, error) {
	half := len(b) / 2
	n, err := c.Conn.Write(b[:half])
	if err != nil {
		return n, err
	}
	if c.records++; c.records > 4 && c.records < 8 {
		<-time.After(12 * time.Millisecond)
	}
	m, err := c.Conn.Write(b[half:])
	return n + m, err
}

// A welcoming room says when a client has joined.
type welcoming struct{ room }

func (w *welcoming) Connect(ctx context.Context, s *channels.Socket) error {
	if err := w.room.Connect(ctx, s); err != nil {
		return err
	}
	return s.Send(ctx, channels.Text("welcome"))
}

func awaitGoroutines(t *testing.T, most int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > most; {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, want at most %d", runtime.NumGoroutine(), most)
		}
		<-time.After(time.Millisecond)
	}
}

func read(t *testing.T, c *channels.Conn) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	m, err := c.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return string(m.Data)
}

// A parked socket hears its client, its group's events and broadcasts, and pings.
func TestParkedSocketIsAlive(t *testing.T) { overTCPAndTLS(t, testParkedSocketIsAlive) }

func testParkedSocketIsAlive(t *testing.T, start func(*httptest.Server)) {
	server := quiet()
	clients := parkedClients(t, start, server, 40)
	for round := range 3 {
		if err := clients[round].Write(t.Context(), channels.Text("hello")); err != nil {
			t.Fatal(err)
		}
		for i, c := range clients {
			if got := read(t, c); got != "hello" {
				t.Fatalf("client %d received %q", i, got)
			}
		}
		if err := server.Notify(t.Context(), "lobby", channels.Event{Type: "note", Data: []byte("x")}); err != nil {
			t.Fatal(err)
		}
		for i, c := range clients {
			if got := read(t, c); got != "note x" {
				t.Fatalf("client %d received %q", i, got)
			}
		}
	}
	go clients[5].Discard(t.Context())
	if err := clients[5].Ping(t.Context()); err != nil {
		t.Error(err)
	}
	for _, c := range clients {
		c.CloseNow()
	}
	if err := server.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

// A parked socket is closed as any other: by a disconnect, by its client, by
// Shutdown.
func TestParkedSocketEnds(t *testing.T) { overTCPAndTLS(t, testParkedSocketEnds) }

func testParkedSocketEnds(t *testing.T, start func(*httptest.Server)) {
	server := quiet()
	server.DrainWindow = 10 * time.Millisecond
	clients := parkedClients(t, start, server, 30)
	if err := clients[0].Close(channels.StatusNormalClosure, ""); err != nil {
		t.Error(err)
	}
	clients[1].CloseNow()
	done := make(chan error)
	go func() { done <- server.Shutdown(t.Context()) }()
	for _, c := range clients[2:] {
		if _, err := c.Read(t.Context()); channels.CloseStatus(err) != channels.StatusServiceRestart {
			t.Errorf("the client was told %v", err)
		}
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	n := 0
	for range server.Sockets() {
		n++
	}
	if n != 0 {
		t.Errorf("%d sockets are left", n)
	}
}

func TestParkedSocketIsRevoked(t *testing.T) { overTCPAndTLS(t, testParkedSocketIsRevoked) }

func testParkedSocketIsRevoked(t *testing.T, start func(*httptest.Server)) {
	server := quiet()
	clients := parkedClients(t, start, server, 30)
	if err := server.Disconnect(t.Context(), "user:1", "logged out"); err != nil {
		t.Fatal(err)
	}
	for _, c := range clients {
		_, err := c.Read(t.Context())
		if ce, ok := errors.AsType[*channels.CloseError](err); !ok || ce.Code != channels.StatusUnauthorized || ce.Reason != "logged out" {
			t.Errorf("the client was told %v", err)
		}
	}
	if err := server.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

// A connection of another protocol ends beside parked sockets; what was sent to it
// before the client's end is written.
func TestOtherProtocolBesideParkedSockets(t *testing.T) {
	server := quiet()
	parkedClients(t, (*httptest.Server).Start, server, 30)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error)
	go func() {
		served <- server.Serve(l, lineProtocol, channels.Consume(func() *room { return &room{server, new(journal), "lobby"} }))
	}()
	nc, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(nc, "alice\nhello\n")
	nc.(*net.TCPConn).CloseWrite()
	all, err := io.ReadAll(nc)
	nc.Close()
	if want := "hello\nbye 1000 \n"; string(all) != want || err != nil {
		t.Errorf("received %q, %v; want %q", all, err, want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // the clients do not answer a close
	server.Shutdown(ctx)
	<-served
}

// Sockets that are busy now and then are parked and woken all the time; no message
// is lost, and none is handled twice.
func TestParkUnderLoad(t *testing.T) { overTCPAndTLS(t, testParkUnderLoad) }

func testParkUnderLoad(t *testing.T, start func(*httptest.Server)) {
	server := quiet()
	clients := parkedClients(t, start, server, 8)
	done := make(chan error, len(clients))
	for _, c := range clients[1:] {
		go func() { done <- c.Discard(context.Background()) }()
	}
	for i := range 300 {
		if err := clients[0].Write(t.Context(), channels.Text(strings.Repeat("x", i))); err != nil {
			t.Fatal(err)
		}
		if got := read(t, clients[0]); len(got) != i {
			t.Fatalf("message %d has %d bytes", i, len(got))
		}
		if i%20 == 0 {
			<-time.After(12 * time.Millisecond)
		}
	}
	for _, c := range clients {
		c.CloseNow()
	}
	for range clients[1:] {
		<-done
	}
	if err := server.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}
