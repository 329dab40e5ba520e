package channels_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/wstest"
)

// A gapTest is a socket in the group "lobby", and publishers that are processes of
// their own.
type gapTest struct {
	*testing.T
	layer  *faulty
	client *wstest.Client
	log    *journal // of the consumer's events
	told   *journal // of calls of Server.Gap
	all    []*channels.Server
}

// A watch notes events.
type watch struct{ log *journal }

func (w watch) Connect(ctx context.Context, s *channels.Socket) error { return s.Join(ctx, "lobby") }

func (watch) Receive(context.Context, *channels.Socket, channels.Message) error { return nil }

func (w watch) ReceiveEvent(_ context.Context, _ *channels.Socket, e channels.Event) error {
	w.log.add(fmt.Sprintf("%s %s %d", e.Type, e.Group, e.Missed))
	return nil
}

func newGapTest(t *testing.T) *gapTest {
	g := &gapTest{T: t, layer: new(faulty)}
	g.join()
	time.Sleep(time.Minute)
	return g
}

// join makes the process that receives.
func (g *gapTest) join() {
	log, told := new(journal), new(journal)
	g.log, g.told = log, told
	server := g.server()
	server.Gap = func(group string, missed int) { told.add(fmt.Sprintf("channels.gap %s %d", group, missed)) }
	server.Upgrader.PingInterval = -1 // the client does not always read
	g.client = wstest.NewServer(g.T, server.Handler(channels.Consume(func() watch { return watch{log} }))).Dial("/")
	synctest.Wait()
}

func (g *gapTest) server() *channels.Server {
	server := quiet()
	server.Layer = g.layer
	g.all = append(g.all, server)
	return server
}

func (g *gapTest) publish(server *channels.Server, texts ...string) {
	g.Helper()
	for _, text := range texts {
		if err := server.Broadcast(g.Context(), "lobby", channels.Text(text)); err != nil && !errors.Is(err, errUnreachable) {
			g.Fatal(err)
		}
	}
}

// want waits for the gaps, and that there are no others.
func (g *gapTest) want(within time.Duration, want string) {
	g.Helper()
	time.Sleep(within)
	synctest.Wait()
	if got := g.log.String(); got != want {
		g.Errorf("after %v the consumer was told %q, want %q", within, got, want)
	}
	if got := g.told.String(); got != want {
		g.Errorf("after %v Server.Gap was told %q, want %q", within, got, want)
	}
	time.Sleep(time.Hour)
	if got := g.log.String(); got != want {
		g.Errorf("in the end the consumer was told %q, want %q", got, want)
	}
}

func (g *gapTest) received(texts ...string) {
	g.Helper()
	for _, text := range texts {
		g.client.Want(text)
	}
	g.client.WantNothing(time.Second)
}

func (g *gapTest) close() {
	g.client.CloseNow()
	for _, server := range g.all {
		if err := server.Shutdown(g.Context()); err != nil {
			g.Error(err)
		}
	}
}

const one, two = "channels.gap lobby 1", "channels.gap lobby 2"

// runGapTests runs tests, each with a gapTest of its own.
func runGapTests(t *testing.T, tests map[string]func(g *gapTest)) {
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGapTest(t)
				test(g)
				g.close()
			})
		})
	}
}
