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

// attempts is how often a terminal may give a name and a password.
const attempts = 3

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
func (a *app) lineChat() channels.Protocol {
	return channels.Protocol{Name: "line", Open: a.openLine, OpenTimeout: time.Minute}
}

// openLine asks who is there, and where to. The answers go where the handshake of
// a WebSocket leaves them: into the scope, the user by way of the gate.
func (a *app) openLine(ctx context.Context, conn net.Conn) (context.Context, channels.MessageConn, error) {
	c := newLineConn(conn)
	account, err := a.askAccount(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	if err := a.gate.Adopt(ctx, account); err != nil {
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

func (a *app) askAccount(ctx context.Context, c *lineConn) (Account, error) {
	for range attempts {
		name, err := c.ask(ctx, "Name: ")
		if err != nil {
			return Account{}, err
		}
		password, err := c.ask(ctx, "Password: ")
		if err != nil {
			return Account{}, err
		}
		account, err := a.gate.Authenticate(ctx, auth.Credentials{Username: name, Password: password})
		if err == nil {
			return account, nil
		}
		if err := c.print(ctx, "* "+whyNot(err)+"\n"); err != nil {
			return Account{}, err
		}
	}
	return Account{}, errNoLogin
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
