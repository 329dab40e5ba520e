package main

import (
	"context"
	"errors"
	"net"
	"regexp"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/auth"
)

const (
	attempts = 3 // to say who one is

	// lineName is the protocol's name, and the purpose of the tickets for it.
	lineName = "line"

	ticketLength = 43 // characters; no name is as long
)

var (
	errNoLogin = errors.New("no login")
	errNoRoom  = errors.New("no such room")
	roomName   = regexp.MustCompile(`^[\w-]{1,32}$`)
)

// lineChat is the chat for terminals: lines over TCP, with the same consumer, the
// same rooms and the same gate as the WebSockets.
//
//	$ nc localhost 9000
//	Name: alice
//	Password: alice-demo
//	Room (lobby):
//	* Welcome to lobby, alice. /quit leaves.
//
// In place of a name, a ticket will do, which the page gives to who is logged in.
func (a *app) lineChat() channels.Protocol {
	return channels.Protocol{Name: lineName, Open: a.openLine, OpenTimeout: time.Minute}
}

// openLine asks who is there, and where to. The answers go where the handshake of
// a WebSocket leaves them: into the scope, the user by way of the gate.
func (a *app) openLine(ctx context.Context, conn net.Conn) (context.Context, channels.MessageConn, error) {
	c := newLineConn(conn)
	if err := a.admit(ctx, c); err != nil {
		return nil, nil, err
	}
	room, err := c.ask(ctx, "Room (lobby): ")
	if err != nil {
		return nil, nil, err
	}
	if room == "" {
		room = "lobby"
	}
	if !roomName.MatchString(room) {
		c.print(ctx, "* A room is named by up to 32 letters, digits, - and _.\n")
		return nil, nil, errNoRoom
	}
	scope, _ := channels.ScopeFrom(ctx)
	scope.SetValue(roomKey{}, room)
	return ctx, c, nil
}

// admit asks who is there until it is known.
func (a *app) admit(ctx context.Context, c *lineConn) error {
	for range attempts {
		name, err := c.ask(ctx, "Name: ")
		if err != nil {
			return err
		}
		if len(name) == ticketLength {
			err = a.admitTicket(ctx, name)
		} else {
			err = a.admitPassword(ctx, c, name)
		}
		if err == nil {
			return nil
		}
		if err := c.print(ctx, "* "+whyNot(err)+"\n"); err != nil {
			return err
		}
	}
	return errNoLogin
}

func (a *app) admitPassword(ctx context.Context, c *lineConn, name string) error {
	password, err := c.ask(ctx, "Password: ")
	if err != nil {
		return err
	}
	account, err := a.gate.Authenticate(ctx, auth.Credentials{Username: name, Password: password})
	if err != nil {
		return err
	}
	return a.gate.Adopt(ctx, account)
}

// admitTicket lets in by a ticket: what it opens belongs to the session that it was
// issued in, and ends with it.
func (a *app) admitTicket(ctx context.Context, ticket string) error {
	grant, err := a.tickets.Redeem(ctx, ticket, lineName)
	if err != nil {
		return err
	}
	return a.gate.AdoptGrant(ctx, grant)
}

// whyNot says why a login failed, in words for the one who tried.
func whyNot(err error) string {
	switch {
	case errors.Is(err, auth.ErrThrottled):
		return "Too many attempts. Wait a while."
	case errors.Is(err, auth.ErrBusy), errors.Is(err, auth.ErrUnavailable):
		return "Logging in is not possible at the moment."
	}
	return "That name and password do not match."
}
