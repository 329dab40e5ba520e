package channels_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/sluicehq/sluice/channels"
)

// serve starts h on a port of the loopback interface and returns its ws URL.
func serve(h http.Handler) (url string, stop func()) {
	hs := httptest.NewServer(h)
	return "ws" + strings.TrimPrefix(hs.URL, "http"), hs.Close
}

func Example() {
	var srv channels.Server
	url, stop := serve(srv.HandlerFunc(func(ctx context.Context, s *channels.Socket) error {
		for m, err := range s.Messages(ctx) {
			if err != nil {
				return err
			}
			if err := s.Send(ctx, m); err != nil {
				return err
			}
		}
		return nil
	}))
	defer stop()

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	c, _, err := channels.Dial(ctx, url, nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := c.Write(ctx, channels.Text("hello")); err != nil {
		log.Fatal(err)
	}
	m, err := c.Read(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%v: %s\n", m.Type, m.Data)
	fmt.Println(c.Close(channels.StatusNormalClosure, ""))
	// Output:
	// text: hello
	// <nil>
}

// A greeter greets everybody in the room, and leaves when it is told to.
type greeter struct{ srv *channels.Server }

func (g *greeter) Connect(ctx context.Context, s *channels.Socket) error {
	if err := s.Join(ctx, "room"); err != nil {
		return err
	}
	return s.Send(ctx, channels.Text("welcome"))
}

func (g *greeter) Receive(ctx context.Context, s *channels.Socket, m channels.Message) error {
	if string(m.Data) == "bye" {
		return channels.Closef(channels.StatusNormalClosure, "see you")
	}
	return g.srv.Broadcast(ctx, "room", channels.Text("everybody: "+string(m.Data)))
}

func ExampleConsume() {
	srv := new(channels.Server)
	url, stop := serve(srv.Handler(channels.Consume(func() *greeter { return &greeter{srv} })))
	defer stop()

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	c, _, err := channels.Dial(ctx, url, nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, text := range []string{"hello", "bye"} {
		if err := c.Write(ctx, channels.Text(text)); err != nil {
			log.Fatal(err)
		}
	}
	for m, err := range c.Messages(ctx) {
		if err != nil {
			fmt.Println(err)
			break
		}
		fmt.Printf("%s\n", m.Data)
	}
	// Output:
	// welcome
	// everybody: hello
	// websocket: closed: 1000 (normal closure): "see you"
}

// A wrapper that tags connections, and a logout that closes them.
func ExampleServer_Disconnect() {
	srv := new(channels.Server)
	h := srv.HandlerFunc(func(ctx context.Context, s *channels.Socket) error {
		if err := s.Send(ctx, channels.Text("ready")); err != nil {
			return err
		}
		_, err := s.Read(ctx)
		return err
	})
	url, stop := serve(channels.WithScope(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scope, _ := channels.ScopeFrom(r.Context())
		scope.Guard("example", channels.Guard{Tags: []string{"user:42"}})
		h.ServeHTTP(w, r)
	})))
	defer stop()

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	c, _, err := channels.Dial(ctx, url, nil)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := c.Read(ctx); err != nil {
		log.Fatal(err)
	}
	if err := srv.Disconnect(ctx, "user:42", "logged out"); err != nil {
		log.Fatal(err)
	}
	_, err = c.Read(ctx)
	fmt.Println(err)
	// Output:
	// websocket: closed: 3000 (unauthorized): "logged out"
}

func ExampleUpgrader() {
	var u channels.Upgrader
	url, stop := serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := u.Upgrade(w, r)
		if err != nil {
			return // it has been answered
		}
		defer c.CloseNow()
		m, err := c.Read(r.Context())
		if err != nil {
			return
		}
		c.Close(4000, strings.ToUpper(string(m.Data)))
	}))
	defer stop()

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	c, _, err := channels.Dial(ctx, url, nil)
	if err != nil {
		log.Fatal(err)
	}
	c.Write(ctx, channels.Text("hello"))
	_, err = c.Read(ctx)
	fmt.Println(channels.CloseStatus(err), err)
	// Output:
	// 4000 websocket: closed: 4000: "HELLO"
}

func ExampleMessage_Decode() {
	var order struct{ Item string }
	fmt.Println(channels.Text(`{"item":"tea"}`).Decode(&order), order.Item)
	fmt.Println(channels.Text(`{"item":7}`).Decode(&order))
	fmt.Println(channels.Binary([]byte{1}).Decode(&order))
	// Output:
	// <nil> tea
	// websocket: closed: 1007 (invalid payload): "not the JSON that is expected"
	// websocket: closed: 1003 (unsupported data): "a text message is expected"
}
