package main

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/auth"
	"github.com/sluicehq/sluice/channels/routing"
	"github.com/sluicehq/sluice/channels/sessions"
)

// gated puts the whole gate in front of a server: a session in a signed cookie, a
// user, a route. What its backend does costs next to nothing, so that the gate is
// measured and not a database.
func gated(srv *channels.Server) (service, error) {
	keys, err := sessions.NewKeyring(randomKey())
	if err != nil {
		return service{}, err
	}
	quiet := slog.New(slog.DiscardHandler)
	sess := &sessions.Manager{Keys: keys, Logger: quiet}
	gate := &auth.Gate[guest]{Backends: []auth.Backend[guest]{guests{}}, Revoker: srv, Logger: quiet}
	stack := auth.Stack(sess, gate)

	login := httptest.NewRecorder()
	var refused error
	stack(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		refused = gate.Login(w, r, theGuest)
	})).ServeHTTP(login, httptest.NewRequest(http.MethodPost, "https://localhost/login", nil))
	cookies := login.Result().Cookies()
	if refused != nil || len(cookies) != 1 {
		return service{}, errors.Join(errors.New("nobody could be logged in"), refused)
	}

	consumers := channels.ConsumeBorrowed(func() *guestEchoer { return new(guestEchoer) })
	return service{
		handler: stack(routing.URLRouter(routing.RePath(`^rooms/(\d+)/$`, srv.Handler(consumers)))),
		path:    "/rooms/7/",
		cookie:  cookies[0].Name + "=" + cookies[0].Value,
	}, nil
}

func randomKey() []byte {
	key := make([]byte, 32)
	rand.Read(key) // never fails
	return key
}

// guestEchoer looks at its user and its room, and echoes.
type guestEchoer struct {
	user guest
	room string
}

func (g *guestEchoer) Connect(ctx context.Context, s *channels.Socket) error {
	user, ok := auth.User[guest](ctx)
	if !ok {
		return channels.Closef(channels.StatusUnauthorized, "log in first")
	}
	g.user, g.room = user, routing.Params(ctx).Arg(0)
	return nil
}

func (g *guestEchoer) ReceiveBorrowed(ctx context.Context, s *channels.Socket, m channels.Message) error {
	return s.Send(ctx, m)
}

// guest is a user, who is called by the ID.
type guest string

func (g guest) UserID() string { return string(g) }

const theGuest guest = "42"

// guests is a backend with one user.
type guests struct{}

var allGuests = map[string]guest{theGuest.UserID(): theGuest}

func (guests) Authenticate(context.Context, auth.Credentials) (guest, error) {
	return "", auth.ErrNotMine
}

func (guests) ByIDs(context.Context, []string) (map[string]guest, error) { return allGuests, nil }
