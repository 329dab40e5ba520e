package channels_test

import (
	"context"
	"fmt"
	"log"
	"slices"
	"time"

	"github.com/sluicehq/sluice/channels"
)

// A lobby shows its guests to each other.
type lobby struct{}

func (lobby) Connect(ctx context.Context, s *channels.Socket) error {
	query, err := s.Scope().Query()
	if err != nil {
		return err
	}
	return s.Track(ctx, "lobby", query.Get("name"), map[string]string{"on": query.Get("on")})
}

func (lobby) Receive(context.Context, *channels.Socket, channels.Message) error { return nil }

func (lobby) ReceiveEvent(ctx context.Context, s *channels.Socket, e channels.Event) error {
	if e.Type != channels.EventPresence {
		return nil
	}
	for _, m := range e.Presence.Joins {
		if err := s.Send(ctx, channels.Text(m.Key+" is here")); err != nil {
			return err
		}
	}
	for _, m := range e.Presence.Leaves {
		if err := s.Send(ctx, channels.Text(m.Key+" has left")); err != nil {
			return err
		}
	}
	return nil
}

// Two servers, as two processes would, show who is in the lobby of both.
func ExampleServer_Members() {
	layer := new(channels.MemoryLayer) // for two processes: layers/nats, layers/redis
	one, two := &channels.Server{Layer: layer}, &channels.Server{Layer: layer}
	consumer := channels.Consume(func() lobby { return lobby{} })
	urlOne, stop := serve(one.Handler(consumer))
	defer stop()
	urlTwo, stop := serve(two.Handler(consumer))
	defer stop()

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	enter := func(url string) *channels.Conn {
		c, _, err := channels.Dial(ctx, url, nil)
		if err != nil {
			log.Fatal(err)
		}
		return c
	}
	defer func() { one.Shutdown(ctx); two.Shutdown(ctx) }()
	alice := enter(urlOne + "?name=alice&on=phone")
	defer alice.CloseNow()
	hear := func() {
		m, err := alice.Read(ctx)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("alice hears: %s\n", m.Data)
	}
	hear()
	bob := enter(urlTwo + "?name=bob&on=tablet")
	hear()
	tablet := enter(urlTwo + "?name=alice&on=tablet")
	defer tablet.CloseNow()
	hear()

	members, err := one.Members(ctx, "lobby")
	if err != nil {
		log.Fatal(err)
	}
	slices.SortFunc(members, func(a, b channels.Member) int { return slices.Compare(a.Meta, b.Meta) })
	for _, m := range members {
		fmt.Printf("%s %s\n", m.Key, m.Meta)
	}
	members, err = two.Members(ctx, "lobby")
	if err != nil {
		log.Fatal(err)
	}
	people := slices.CompactFunc(members, func(a, b channels.Member) bool { return a.Key == b.Key })
	fmt.Println(len(people), "people")

	bob.Close(channels.StatusNormalClosure, "")
	hear()
	// Output:
	// alice hears: alice is here
	// alice hears: bob is here
	// alice hears: alice is here
	// alice {"on":"phone"}
	// alice {"on":"tablet"}
	// bob {"on":"tablet"}
	// 2 people
	// alice hears: bob has left
}
