package redislayer_test

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/sluicehq/sluice/channels"
	redislayer "github.com/sluicehq/sluice/layers/redis"
)

// Two servers, as in two processes, share the groups of their sockets.
func Example() {
	url, stop := exampleServer()
	defer stop()

	// What each process does.
	newServer := func() (*channels.Server, *redislayer.Layer) {
		layer, err := redislayer.Connect(url, nil)
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

// Options of the client library are passed on: TLS, credentials, sentinels.
func ExampleConnect() {
	url, stop := exampleServer()
	defer stop()
	layer, err := redislayer.Connect(url, &redislayer.Options{
		Prefix: "chat.production",
		Redis: func(o *rueidis.ClientOption) {
			o.ClientName = "chat-on-host17"
			// o.TLSConfig = &tls.Config{RootCAs: pool}
			// o.Username, o.Password = "chat", os.Getenv("REDIS_PASSWORD")
			// o.Sentinel.MasterSet = "main"
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

// exampleServer runs a redis-server that is reached through a socket in the file
// system.
func exampleServer() (url string, stop func()) {
	dir, err := os.MkdirTemp("", "redis")
	if err != nil {
		log.Fatal(err)
	}
	socket := dir + "/redis.sock"
	cmd := exec.Command(redisServer, "--port", "0", "--unixsocket", socket, "--dir", dir, "--save", "")
	if err := cmd.Start(); err != nil {
		log.Fatal(err)
	}
	for range 1000 {
		if conn, err := net.Dial("unix", socket); err == nil {
			conn.Close()
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return "unix://" + socket, func() {
		cmd.Process.Kill()
		cmd.Wait()
		os.RemoveAll(dir)
	}
}
