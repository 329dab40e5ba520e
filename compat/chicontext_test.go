package compat

import (
	"fmt"
	"io"
	"sync"
	"testing"

	"github.com/sluicehq/sluice/channels/wstest"
)

// Chi takes its route context from a pool and gives it back when a request has been
// served. A socket lives on, and must not see the parameters of whoever has it next.
func TestChiRouteContextIsReused(t *testing.T) {
	a := newApp(t, quiet(), chiParam)
	r := chiRouter(a)
	r.Get("/rooms/{room}/ws", a.socket.ServeHTTP)
	r.Get("/rooms/{room}", a.page.ServeHTTP)
	site := wstest.NewServer(t, a.stack(r))
	logIn(t, site)

	const sockets, rounds, visitors = 16, 50, 4
	open := make([]*wstest.Client, sockets)
	for i := range open {
		open[i] = site.Dial(fmt.Sprintf("/rooms/room%d/ws", i))
	}
	var wg sync.WaitGroup
	for v := range visitors {
		b := site.NewBrowser()
		wg.Go(func() {
			for i := range rounds {
				room := fmt.Sprintf("visited%d-%d", v, i)
				if got := visit(b, room); got != "nobody in "+room {
					t.Errorf("the page of %s says %q", room, got)
				}
			}
		})
	}
	for range rounds { // while the pages are asked for, and once after
		askEach(open)
	}
	wg.Wait()
	askEach(open)
}

// visit returns what a room's page says, or an error.
func visit(b *wstest.Browser, room string) string {
	resp, err := b.HTTP.Get(wstest.URL + "/rooms/" + room)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err.Error()
	}
	return string(body)
}

// askEach asks each socket who is where.
func askEach(open []*wstest.Client) {
	for i, c := range open {
		c.Send("who?")
		c.Want(fmt.Sprintf("alice in room%d at /rooms/room%d/ws", i, i))
	}
}
