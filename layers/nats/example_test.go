package natslayer_test

import (
	"context"
	"fmt"
	"log"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/sluicehq/sluice/channels"
	natslayer "github.com/sluicehq/sluice/layers/nats"
)

// Two servers, as in two processes, share the groups of their sockets.
func Example() {
	url, stop := exampleServer()
	defer stop()

	// What each process does.
	newServer := func() (*channels.Server, *natslayer.Layer) {
		layer, err := natslayer.Connect(url, nil)
		if err != nil {
			log.Fatal(err)
		}
		return &channels.Server{Layer: layer}, layer
	}
	here, hereLayer := newServer()
	defer hereLayer.Close()
	there, thereLayer := newServer()
	defer thereLayer.Close()

	// A client is connected to this one.
	site := httptest.NewServer(here.HandlerFunc(lobby))
	defer site.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, _, err := channels.Dial(ctx, strings.Replace(site.URL, "http", "ws", 1), nil)
	if err != nil {
		log.Fatal(err)
	}
	welcome, err := client.Read(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(welcome.Data))

	// The other one sends to the group.
	if err := there.Broadcast(ctx, "lobby", channels.Text("hello from another process")); err != nil {
		log.Fatal(err)
	}
	m, err := client.Read(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(m.Data))

	client.Close(channels.StatusNormalClosure, "")
	here.Shutdown(ctx)
	there.Shutdown(ctx)
	// Output:
	// welcome
	// hello from another process
}

// lobby puts a socket in the group.
func lobby(ctx context.Context, s *channels.Socket) error {
	if err := s.Join(ctx, "lobby"); err != nil {
		return err
	}
	if err := s.Send(ctx, channels.Text("welcome")); err != nil {
		return err
	}
	_, err := s.Read(ctx)
	return err
}

// Options of the client library are passed on: TLS, credentials, names, handlers.
func ExampleConnect() {
	url, stop := exampleServer()
	defer stop()
	layer, err := natslayer.Connect(url, &natslayer.Options{
		Prefix: "chat.production",
		NATS: []nats.Option{
			nats.Name("chat on host17"),
			// nats.UserCredentials("/etc/chat/nats.creds"),
			// nats.RootCAs("/etc/chat/ca.pem"),
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer layer.Close()

	ctx := context.Background()
	got := make(chan string)
	cancel, err := layer.Subscribe(ctx, "news", func(msg []byte) { got <- string(msg) }, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer cancel()
	if err := layer.Publish(ctx, "news", []byte("it works")); err != nil {
		log.Fatal(err)
	}
	fmt.Println(<-got)
	// Output: it works
}

// exampleServer runs a NATS server in this process.
func exampleServer() (url string, stop func()) {
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true})
	if err != nil {
		log.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		log.Fatal("the server does not come up")
	}
	return s.ClientURL(), func() {
		s.Shutdown()
		s.WaitForShutdown()
	}
}
