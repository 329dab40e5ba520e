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

// everybody is the group of all who chat, in whatever room.
const everybody = "everybody"

// A chatter is one connection to a room: a page's WebSocket or a terminal. Its
// methods are called one at a time.
type chatter struct {
	app  *app
	user string
	room string
}

// Connect lets in who is logged in, and tells the others.
func (c *chatter) Connect(ctx context.Context, s *channels.Socket) error {
	account, ok := auth.User[Account](ctx)
	if !ok {
		return channels.Closef(channels.StatusUnauthorized, "log in first")
	}
	user, room := account.Name, roomOf(ctx)
	if err := s.Join(ctx, everybody, group(room)); err != nil {
		return err
	}
	recent, ok := c.app.rooms.enter(room, user)
	if !ok {
		return channels.Closef(channels.StatusTryAgainLater, "there are too many rooms")
	}
	c.user, c.room = user, room
	if err := s.SendJSON(ctx, welcome{Type: "welcome", Room: room, User: user, Messages: recent}); err != nil {
		return err
	}
	return c.announce(ctx)
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
	out, err := channels.JSON(c.app.rooms.say(c.room, c.user, text, time.Now()))
	if err != nil {
		return err
	}
	return c.app.chat.Broadcast(ctx, group(c.room), out)
}

// ReceiveEvent is told that somebody came or went, and sends what is now true:
// so the last word is right, whatever order the events came in.
func (c *chatter) ReceiveEvent(ctx context.Context, s *channels.Socket, _ channels.Event) error {
	return s.SendJSON(ctx, c.app.rooms.presence(c.room))
}

// Disconnect runs when the connection has ended, for whatever reason.
func (c *chatter) Disconnect(ctx context.Context, _ *channels.Socket, _ error) {
	if c.room == "" {
		return // was not let in
	}
	c.app.rooms.leave(c.room, c.user)
	c.announce(context.WithoutCancel(ctx))
}

func (c *chatter) announce(ctx context.Context) error {
	return c.app.chat.Notify(ctx, everybody, channels.Event{Type: "presence"})
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
