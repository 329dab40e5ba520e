package routing_test

import (
	"context"
	"testing"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/routing"
	"github.com/sluicehq/sluice/channels/wstest"
)

// A guest says what its route gave it, when it is asked: the request is over by
// then.
type guest struct{}

func (guest) Receive(ctx context.Context, s *channels.Socket, _ channels.Message) error {
	return s.SendJSON(ctx, map[string]any{"args": routing.Params(ctx).Args(), "kwargs": routing.Params(ctx).Named()})
}

// R30: a socket that was accepted behind routers and wrappers has their parameters.
func TestSocket(t *testing.T) {
	var srv channels.Server
	defer srv.Shutdown(context.Background())
	h := srv.Handler(channels.Consume(func() guest { return guest{} }))
	rooms := routing.URLRouter(
		routing.Path("room/<int:n>/", h),
		routing.RePath(`^hall/(\w+)/$`, h),
	)
	site := wstest.NewServer(t, routing.ProtocolTypeRouter{
		"websocket": wrap(routing.URLRouter(
			routing.Path("ws/none/", h),
			routing.Prefix("ws/<slug:house>/", wrap(rooms)),
			routing.Path("ws/<slug:house>/door/", h),
		)),
	})
	for path, want := range map[string]map[string]any{
		"/ws/north/room/7/":    {"args": nil, "kwargs": map[string]any{"house": "north", "n": 7}},
		"/ws/south/hall/blue/": {"args": []string{"blue"}, "kwargs": map[string]any{"house": "south"}},
		"/ws/west/door/":       {"args": nil, "kwargs": map[string]any{"house": "west"}},
		"/ws/none/":            {"args": nil, "kwargs": map[string]any{}},
	} {
		c := site.Dial(path)
		c.Send("where am I?")
		c.WantJSON(want)
		c.Close()
	}
	for _, path := range []string{"/ws/north/room/x/", "/ws/north/", "/"} {
		if res := site.DialRefused(path); res.StatusCode != 404 {
			t.Errorf("handshake at %s: status %d, want 404", path, res.StatusCode)
		}
	}
	if res, _ := site.Get("/ws/none/"); res.StatusCode != 404 {
		t.Errorf("GET at a path of sockets: status %d, want 404", res.StatusCode)
	}
}
