package channels_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/sluicehq/sluice/channels"
)

// A program's main: SIGTERM, or Ctrl-C, ends it in good order.
func ExampleShutdownAll() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	var srv channels.Server
	mux := http.NewServeMux()
	mux.Handle("/ws", srv.HandlerFunc(func(ctx context.Context, s *channels.Socket) error {
		_, err := s.Read(ctx)
		return err
	}))
	hs := &http.Server{Addr: "localhost:0", Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	go func() { served <- hs.ListenAndServe() }()

	stop() // as if the signal had come
	<-ctx.Done()

	// Twice the DrainWindow, over which the sockets are closed.
	limit, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	fmt.Println("shutdown:", channels.ShutdownAll(limit, hs, &srv))
	fmt.Println("serve:", <-served)
	// Output:
	// shutdown: <nil>
	// serve: http: Server closed
}

// A ticker shows prices, each client in a currency of its own.
type ticker struct{ currency string }

type price struct {
	Item   string
	Amount map[string]string
}

func (t *ticker) Connect(ctx context.Context, s *channels.Socket) error { return s.Join(ctx, "prices") }

func (t *ticker) Receive(ctx context.Context, s *channels.Socket, m channels.Message) error {
	t.currency = string(m.Data)
	return s.Send(ctx, channels.Text("in "+t.currency))
}

func (t *ticker) ReceiveEvent(ctx context.Context, s *channels.Socket, e channels.Event) error {
	switch e.Type {
	case "price":
		var p price
		if err := e.Decode(&p); err != nil {
			return err
		}
		return s.Send(ctx, channels.Text(p.Item+": "+p.Amount[t.currency]))
	}
	return nil
}

// An event reaches the consumers of a group, each of which tells its client in its own way.
func ExampleServer_Notify() {
	var srv channels.Server
	url, stop := serve(srv.Handler(channels.Consume(func() *ticker { return new(ticker) })))
	defer stop()

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	c, _, err := channels.Dial(ctx, url, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer c.CloseNow()
	show := func() {
		m, err := c.Read(ctx)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s\n", m.Data)
	}
	if err := c.Write(ctx, channels.Text("EUR")); err != nil {
		log.Fatal(err)
	}
	show()

	// From anywhere: a handler, a goroutine, another process with the same Layer.
	event, err := channels.JSONEvent("price", price{"tea", map[string]string{"EUR": "4 €", "USD": "5 $"}})
	if err != nil {
		log.Fatal(err)
	}
	if err := srv.Notify(ctx, "prices", event); err != nil {
		log.Fatal(err)
	}
	show()
	// Output:
	// in EUR
	// tea: 4 €
}

// The key under which withTenant keeps what it has found out.
type tenantKey struct{}

// A wrapper of one's own: what it puts into the scope is there for as long as the socket.
func withTenant(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scope, r := channels.EnsureScope(r)
		scope.SetValue(tenantKey{}, r.URL.Query().Get("tenant"))
		next.ServeHTTP(w, r)
	})
}

func ExampleEnsureScope() {
	var srv channels.Server
	url, stop := serve(withTenant(srv.HandlerFunc(func(ctx context.Context, s *channels.Socket) error {
		tenant, _ := s.Scope().Value(tenantKey{}).(string)
		return s.Send(ctx, channels.Text("this is "+tenant))
	})))
	defer stop()

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	c, _, err := channels.Dial(ctx, url+"/?tenant=acme", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer c.CloseNow()
	m, err := c.Read(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", m.Data)
	// Output:
	// this is acme
}

// A lineConn is a connection whose messages are lines of text.
type lineConn struct {
	net.Conn
	in *bufio.Reader
}

func (c lineConn) Read(context.Context) (channels.Message, error) {
	line, err := c.in.ReadString('\n') // a real one bounds its length
	return channels.Text(strings.TrimSpace(line)), err
}

func (c lineConn) Write(_ context.Context, m channels.Message) error {
	_, err := fmt.Fprintf(c.Conn, "%s\n", m.Data)
	return err
}

func (c lineConn) Close(code channels.StatusCode, reason string) error {
	_, err := fmt.Fprintln(c.Conn, code, reason)
	return err
}

// Clients that speak lines of text over TCP are served by the handlers of WebSockets.
func ExampleProtocol() {
	lines := channels.Protocol{
		Name: "lines",
		Open: func(ctx context.Context, nc net.Conn) (context.Context, channels.MessageConn, error) {
			return ctx, lineConn{nc, bufio.NewReader(nc)}, nil
		},
	}
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		log.Fatal(err)
	}
	srv := new(channels.Server)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l, lines, channels.Consume(func() *greeter { return &greeter{srv} })) }()

	nc, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		log.Fatal(err)
	}
	defer nc.Close()
	fmt.Fprint(nc, "hello\nbye\n")
	answer, err := io.ReadAll(nc)
	fmt.Printf("%s%v\n", answer, err)

	if err := srv.Shutdown(context.Background()); err != nil {
		log.Fatal(err)
	}
	fmt.Println(errors.Is(<-served, channels.ErrDraining))
	// Output:
	// welcome
	// everybody: hello
	// 1000 (normal closure) see you
	// <nil>
	// true
}
