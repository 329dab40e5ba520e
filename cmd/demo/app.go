package main

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/auth"
	"github.com/sluicehq/sluice/channels/routing"
	"github.com/sluicehq/sluice/channels/sessions"
)

// app is the application: a site, a chat and two echoes, behind one gate.
type app struct {
	sessions sessions.Manager
	accounts accounts
	gate     auth.Gate[Account]
	tickets  auth.Tickets    // for the line chat
	chat     channels.Server // the rooms, and the echo behind the gate
	open     channels.Server // the echo for everybody
	history  history

	// What the page tells.
	ready []readyAccount
	line  string // how to reach the line chat: "nc localhost 9000"
}

func newApp(keys sessions.Keyring, ready []readyAccount, log *slog.Logger) (*app, error) {
	a := &app{ready: ready}
	for _, r := range ready {
		if _, err := a.accounts.add(context.Background(), Account{Name: r.Name}, r.Password); err != nil {
			return nil, err
		}
	}
	a.sessions.Keys = keys
	a.sessions.Logger = log
	// The demo speaks plain HTTP, and not every client returns a Secure cookie to
	// that. A site with HTTPS leaves this out: then the cookie is Secure.
	a.sessions.Cookie.InsecureHTTP = true

	a.gate.Backends = []auth.Backend[Account]{&a.accounts}
	a.gate.Revoker = &a.chat // what a logout closes
	a.gate.Logger = log

	a.chat.Logger = log
	a.chat.DrainWindow = time.Second
	a.open.Logger = log
	a.open.DrainWindow = time.Second
	a.open.Upgrader.Limits.MessageSize = maxEcho
	a.open.Upgrader.Compression.Mode = channels.ContextTakeover
	return a, nil
}

// handler serves everything that comes as HTTP.
func (a *app) handler() http.Handler {
	gate := auth.Stack(&a.sessions, &a.gate)
	return routing.ProtocolTypeRouter{
		"http": gate(a.site()),
		"websocket": routing.URLRouter(
			routing.Path("echo", a.open.HandlerFunc(echo)),
			routing.Prefix("ws/", gate(routing.URLRouter(
				routing.Path("echo/<str:name>/", a.chat.HandlerFunc(greetedEcho)),
				routing.RePath(`^chat/(?P<room>[\w-]{1,32})/$`, a.chat.Handler(a.chatter())),
			))),
		),
	}
}

// chatter serves one connection to a room, whatever protocol it came by.
func (a *app) chatter() channels.Handler {
	return channels.Consume(func() *chatter { return &chatter{app: a} })
}
