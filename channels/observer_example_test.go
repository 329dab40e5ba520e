package channels_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"time"

	"github.com/sluicehq/sluice/channels"
)

// A meter says how connections end. It embeds the interface for the methods that it
// leaves out, which must then not be called: a real one has them all.
type meter struct{ channels.Observer }

func (meter) Opened(s *channels.Socket) {
	fmt.Println("opened", s.Scope().Path())
}

func (meter) Closed(s *channels.Socket, code channels.StatusCode, cause error) {
	fmt.Println("closed", s.Scope().Path(), "with", code)
}

func (meter) Refused(r *http.Request, err *channels.HandshakeError) {
	fmt.Println("refused", r.URL.Path, "with", err.Status)
}

// A clerk sends its client a last word when the server shuts down.
type clerk struct{}

func (clerk) Connect(ctx context.Context, s *channels.Socket) error {
	return s.Send(ctx, channels.Text("welcome"))
}

func (clerk) Receive(context.Context, *channels.Socket, channels.Message) error { return nil }

func (clerk) Drain(ctx context.Context, s *channels.Socket) error {
	return s.Send(ctx, channels.Text("back in a minute"))
}

func ExampleObserver() {
	srv := &channels.Server{
		Observer:    meter{},
		DrainWindow: -1, // for a real server leave the default
		Logger:      slog.New(slog.DiscardHandler),
	}
	url, stop := serve(srv.Handler(channels.Consume(func() clerk { return clerk{} })))
	defer stop()

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	c, _, err := channels.Dial(ctx, url+"/desk", nil)
	if err != nil {
		log.Fatal(err)
	}
	done := make(chan error, 1)
	for m, err := range c.Messages(ctx) {
		if err != nil {
			fmt.Println("the client is told", channels.CloseStatus(err))
			break
		}
		fmt.Printf("the client gets %q\n", m.Data)
		if string(m.Data) == "welcome" {
			go func() { done <- srv.Shutdown(ctx) }()
		}
	}
	if err := <-done; err != nil {
		log.Fatal(err)
	}
	if _, _, err := channels.Dial(ctx, url+"/late", nil); err == nil {
		log.Fatal("a handshake was accepted")
	}
	// Unordered output:
	// opened /desk
	// the client gets "welcome"
	// the client gets "back in a minute"
	// the client is told 1012 (service restart)
	// closed /desk with 1012 (service restart)
	// refused /late with 503
}
