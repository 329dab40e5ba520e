package faults

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/wstest"
)

// Presence has servers on three layers, the last of which is connected through proxy,
// agree on who is in a group: while all is well, while the last is cut off, after
// that, when its connections break while people come and go, and when one ends.
func Presence(t *testing.T, layers [3]channels.Layer, proxy *Proxy) {
	t.Helper()
	var crowd [3]*visitors
	for i, layer := range layers {
		crowd[i] = newVisitors(t, layer, fmt.Sprint("server", i))
		crowd[i].enter()
	}
	all := crowd[:]
	agree(t, "at the beginning", all, all)

	restore := proxy.Cut()
	agree(t, "while one is cut off", all[:2], all[:2])
	agree(t, "for the one that is cut off", all[2:], all[2:])
	crowd[0].enter()
	crowd[2].enter()
	restore()
	agree(t, "after the cut", all, all)

	for i := range 60 {
		if i%10 == 0 {
			proxy.Break()
		}
		if v := crowd[i%3]; i%2 == 0 {
			v.enter()
		} else {
			v.leave()
		}
		time.Sleep(5 * time.Millisecond) // what breaks is to break in the middle
	}
	agree(t, "after breaks", all, all)

	crowd[1].end(t)
	left := []*visitors{crowd[0], crowd[2]}
	agree(t, "after one has ended", left, left)
}

// Visitors are the clients of one server.
type visitors struct {
	name    string
	server  *channels.Server
	site    *wstest.Server
	clients []*wstest.Client
	names   []string
	entered int
}

func newVisitors(t *testing.T, layer channels.Layer, name string) *visitors {
	v := &visitors{name: name, server: &channels.Server{
		Layer:       layer,
		Logger:      slog.New(slog.DiscardHandler),
		Heartbeat:   200 * time.Millisecond,
		DrainWindow: -1,
	}}
	v.site = wstest.NewServer(t, v.server.HandlerFunc(func(ctx context.Context, s *channels.Socket) error {
		if err := s.Track(ctx, "hall", s.Scope().Path()[1:], nil); err != nil {
			return err
		}
		if err := s.Send(ctx, channels.Text("in")); err != nil {
			return err
		}
		_, err := s.Read(ctx)
		return err
	}))
	t.Cleanup(func() { v.end(t) })
	return v
}

func (v *visitors) enter() {
	name := fmt.Sprintf("%s.%d", v.name, v.entered)
	v.entered++
	client := v.site.Dial("/" + name)
	client.Want("in")
	v.clients, v.names = append(v.clients, client), append(v.names, name)
}

func (v *visitors) leave() {
	if len(v.clients) > 1 { // so that nobody has to subscribe while cut off
		v.clients[0].CloseNow()
		v.clients, v.names = v.clients[1:], v.names[1:]
	}
}

func (v *visitors) end(t *testing.T) {
	for _, c := range v.clients {
		c.CloseNow()
	}
	v.clients = nil
	if err := v.server.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}

// agree waits until all that ask know that these are the members.
func agree(t *testing.T, when string, ask, members []*visitors) {
	t.Helper()
	var want []string
	for _, v := range members {
		want = append(want, v.names...)
	}
	slices.Sort(want)
	for _, v := range ask {
		for begun := time.Now(); ; time.Sleep(10 * time.Millisecond) {
			members, err := v.server.Members(t.Context(), "hall")
			if err != nil {
				t.Fatalf("%s: %v", when, err)
			}
			var got []string
			for _, m := range members {
				got = append(got, m.Key)
			}
			if slices.Equal(got, want) {
				break
			}
			if time.Since(begun) > 20*time.Second {
				t.Fatalf("%s: %s sees %q, want %q", when, v.name, got, want)
			}
		}
	}
}
