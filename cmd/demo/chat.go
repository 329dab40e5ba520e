package main

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/auth"
	"github.com/sluicehq/sluice/channels/routing"
)

const maxText = 2000 // characters of a message

// A chatter is one connection to a room: a page's WebSocket or a terminal. Its
// methods are called one at a time.
type chatter struct {
	app   *app
	user  string
	room  string
	shown presence // what it was told last
}

// Connect lets in who is logged in, and shows them to the others.
func (c *chatter) Connect(ctx context.Context, s *channels.Socket) error {
	account, ok := auth.User[Account](ctx)
	if !ok {
		return channels.Closef(channels.StatusUnauthorized, "log in first")
	}
	c.user, c.room = account.Name, roomOf(ctx)
	if err := s.Join(ctx, group(c.room)); err != nil {
		return err
	}
	if err := s.Track(ctx, everybody, c.user, place{c.room}); err != nil {
		return err
	}
	recent := c.app.history.of(c.room)
	if err := s.SendJSON(ctx, welcome{Type: "welcome", Room: c.room, User: c.user, Messages: recent}); err != nil {
		return err
	}
	return c.showPresence(ctx, s)
}

// Receive passes on what the user says.
func (c *chatter) Receive(ctx context.Context, s *channels.Socket, m channels.Message) error {
	var in fromClient
	if err := m.Decode(&in); err != nil {
		return err
	}
	text := strings.TrimSpace(in.Text)
	switch {
	case in.Bye:
		return channels.Done
	case text == "":
		return nil
	case utf8.RuneCountInString(text) > maxText:
		return s.SendJSON(ctx, complaint{Type: "error", Text: "That is too long for one message."})
	}
	out, err := channels.JSON(c.app.history.add(c.room, c.user, text, time.Now()))
	if err != nil {
		return err
	}
	return c.app.chat.Broadcast(ctx, group(c.room), out)
}

// ReceiveEvent is told that somebody came or went.
func (c *chatter) ReceiveEvent(ctx context.Context, s *channels.Socket, e channels.Event) error {
	if e.Type != channels.EventPresence {
		return nil
	}
	return c.showPresence(ctx, s)
}

// showPresence sends who is where, if that is news.
func (c *chatter) showPresence(ctx context.Context, s *channels.Socket) error {
	members, err := c.app.chat.Members(ctx, everybody)
	if err != nil {
		return err
	}
	p, err := presenceIn(c.room, members)
	if err != nil || p.equal(c.shown) {
		return err
	}
	c.shown = p
	return s.SendJSON(ctx, p)
}

func group(room string) string { return "room." + room }

// roomKey is where the line chat puts the room that was asked for; in a
// WebSocket's address it is a parameter.
type roomKey struct{}

func roomOf(ctx context.Context) string {
	if scope, ok := channels.ScopeFrom(ctx); ok {
		if room, ok := scope.Value(roomKey{}).(string); ok {
			return room
		}
	}
	return routing.Params(ctx).Get("room")
}
