package main

import (
	"context"
	"slices"
	"strings"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/auth"
)

// room is the group of all who chat.
const room = "room"

// What goes to the pages.
type (
	hello struct {
		Type string `json:"type"` // "hello"
		User string `json:"user"`
		Node string `json:"node"` // the process that serves them
	}
	said struct {
		Type string `json:"type"` // "said"
		ID   int64  `json:"id"`   // counts up
		User string `json:"user"`
		Text string `json:"text"`
	}
	people struct {
		Type  string   `json:"type"` // "people"
		Names []string `json:"names"`
	}
)

// A chatter is a page's connection.
type chatter struct {
	app  *app
	user string
}

// Connect lets in who is logged in.
func (c *chatter) Connect(ctx context.Context, s *channels.Socket) error {
	user, ok := auth.User[account](ctx)
	if !ok {
		return channels.Closef(channels.StatusUnauthorized, "log in first")
	}
	c.user = user.Name
	if err := s.Join(ctx, room); err != nil {
		return err
	}
	if err := s.SendJSON(ctx, hello{"hello", c.user, c.app.name}); err != nil {
		return err
	}
	if err := c.catchUp(ctx, s); err != nil {
		return err
	}
	return s.Track(ctx, room, c.user, nil)
}

// Receive keeps what the user says, and passes it on. When there is no way to the other
// processes just now, what was said is not lost: it is what they catch up with.
func (c *chatter) Receive(ctx context.Context, s *channels.Socket, m channels.Message) error {
	text := strings.TrimSpace(string(m.Data))
	if text == "" || len(text) > 4000 {
		return nil
	}
	id, err := c.app.db.say(ctx, c.user, text)
	if err != nil {
		return err
	}
	out, err := channels.JSON(said{"said", id, c.user, text})
	if err != nil {
		return err
	}
	if c.app.srv.Broadcast(ctx, room, out) != nil {
		return s.Send(ctx, out)
	}
	return nil
}

// ReceiveEvent is told of what is not said by anybody.
func (c *chatter) ReceiveEvent(ctx context.Context, s *channels.Socket, e channels.Event) error {
	switch e.Type {
	case channels.EventGap: // something was lost on the way here
		return c.catchUp(ctx, s)
	case channels.EventPresence:
		members, err := c.app.srv.Members(ctx, room)
		if err != nil {
			return err
		}
		names := make([]string, len(members))
		for i, m := range members {
			names[i] = m.Key
		}
		return s.SendJSON(ctx, people{"people", slices.Compact(names)})
	}
	return nil
}

// catchUp sends what was said last; the page knows by the numbers what it has already.
func (c *chatter) catchUp(ctx context.Context, s *channels.Socket) error {
	recent, err := c.app.db.recent(ctx)
	if err != nil {
		return err
	}
	for _, m := range recent {
		if err := s.SendJSON(ctx, m); err != nil {
			return err
		}
	}
	return nil
}
