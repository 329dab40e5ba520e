package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sluicehq/sluice/channels"
)

// groupsEach is how many groups a client is in.
const groupsEach = 3

// A client keeps a connection to one of the servers, as a page would: when it is lost,
// it connects again, after a moment chosen at random, to another.
type client struct {
	soak *soaking
	name string

	mu          sync.Mutex
	conn        *channels.Conn // nil: none
	at          *process
	connections int              // so far
	wanted      map[*group]bool  // where it would be
	memberships map[*group]place // where it is, and where it is going or leaving
}

// A place is a membership of the connection that is open.
type place struct {
	*membership
	leaving bool
}

// run is the client's life, until ctx ends.
func (c *client) run(ctx context.Context) {
	for ctx.Err() == nil {
		if p := c.soak.pick(); p != nil {
			c.connect(ctx, p)
		}
		pause(ctx, time.Duration(200+rand.IntN(1800))*time.Millisecond)
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// connect is one connection, from its dial to its end.
func (c *client) connect(ctx context.Context, p *process) {
	dial, cancel := context.WithTimeout(ctx, 10*time.Second)
	conn, _, err := channels.Dial(dial, "ws://"+p.addr, nil)
	cancel()
	if err != nil {
		c.soak.count("not let in", 1)
		return
	}
	c.soak.count("connected", 1)
	c.mu.Lock()
	c.conn, c.at = conn, p
	c.connections++
	wanted := make([]*group, 0, len(c.wanted))
	for g := range c.wanted {
		wanted = append(wanted, g)
	}
	c.mu.Unlock()
	for _, g := range wanted {
		c.join(ctx, g)
	}
	for {
		m, err := conn.Read(ctx)
		if err != nil {
			if ctx.Err() == nil {
				c.soak.count(fmt.Sprint("closed with ", int(channels.CloseStatus(err))), 1)
			}
			break
		}
		c.hear(string(m.Data))
	}
	c.mu.Lock()
	c.conn, c.at = nil, nil
	ended := c.memberships
	c.memberships = map[*group]place{}
	c.mu.Unlock()
	for g, m := range ended {
		c.soak.judge.leave(g, m.membership)
	}
	conn.Close(channels.StatusNormalClosure, "")
	conn.CloseNow()
}

// hear takes what the server says.
func (c *client) hear(text string) {
	fields := strings.Fields(text)
	g := c.soak.group(fields[1])
	c.mu.Lock()
	m := c.memberships[g]
	c.mu.Unlock()
	j := c.soak.judge
	switch verb := fields[0]; {
	case verb == "taken", verb == "refused":
		j.took(g, fields[2], number(fields[3]), verb == "taken")
	case m.membership == nil: // it has left
	case verb == "msg":
		j.heard(g, m.membership, fields[2], number(fields[3]))
	case verb == "gap":
		j.gapped(g, m.membership)
	case verb == "joined":
		j.joined(g, m.membership)
		c.soak.count("joined", 1)
	case verb == "failed":
		c.soak.count("joins that failed", 1)
		c.forget(g)
	case verb == "left":
		c.soak.count("left", 1)
		c.forget(g)
	}
}

func number(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}

func (c *client) forget(g *group) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.memberships, g)
}

// join asks to be let into a group.
func (c *client) join(ctx context.Context, g *group) {
	c.mu.Lock()
	conn := c.conn
	_, there := c.memberships[g]
	if conn == nil || there {
		c.mu.Unlock()
		return
	}
	c.memberships[g] = place{membership: c.soak.judge.join(c.name, c.at)}
	c.mu.Unlock()
	conn.Write(ctx, channels.Text("join "+g.name))
}

// wander leaves a group for another, or goes where it would be and is not.
func (c *client) wander(ctx context.Context) {
	c.mu.Lock()
	conn := c.conn
	var from, missing *group
	for g := range c.wanted {
		switch m, ok := c.memberships[g]; {
		case !ok:
			missing = g
		case !m.leaving:
			from = g
		}
	}
	c.mu.Unlock()
	switch {
	case conn == nil:
	case missing != nil:
		c.join(ctx, missing)
	case from != nil:
		c.move(ctx, conn, from)
	}
}

func (c *client) move(ctx context.Context, conn *channels.Conn, from *group) {
	to := c.soak.anyGroup()
	c.mu.Lock()
	m, ok := c.memberships[from]
	if !ok || c.wanted[to] || c.conn != conn {
		c.mu.Unlock()
		return
	}
	m.leaving = true
	c.memberships[from] = m
	delete(c.wanted, from)
	c.wanted[to] = true
	c.mu.Unlock()
	c.soak.judge.leave(from, m.membership)
	conn.Write(ctx, channels.Text("leave "+from.name))
	c.join(ctx, to)
}

// say says a few things in a row in a group. For each group one goroutine calls it.
func (c *client) say(ctx context.Context, g *group) {
	c.mu.Lock()
	conn, at := c.conn, c.at
	id := fmt.Sprint(c.name, ".", c.connections)
	c.mu.Unlock()
	if conn == nil {
		return
	}
	for range burst {
		n := c.soak.judge.say(g, id, at)
		if conn.Write(ctx, channels.Text(fmt.Sprint("say ", g.name, " ", id, " ", n))) != nil {
			return
		}
	}
}

// burst is how many messages are said in a row.
const burst = 4
