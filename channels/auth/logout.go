package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/sluicehq/sluice/channels/sessions"
)

// Logout ends the session of the request: its data is gone, its cookie worth nothing,
// and every connection that it opened is closed with 3000, wherever it is. The error
// says that the session could not be ended, because a store failed; a connection
// that could not be reached is only logged, and closed at its next recheck. To log
// out who is not logged in ends the session too.
//
// Call it for a POST: a GET can be made by any page, with an image.
func (g *Gate[U]) Logout(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	st := g.state(ctx)
	if st == nil {
		return fmt.Errorf("auth: logout: %w", ErrNoConnection)
	}
	s, err := sessions.Load(ctx)
	if err != nil {
		return fmt.Errorf("auth: logout: %w", err)
	}
	who, err := st.resolve(ctx)
	if errors.Is(err, ErrUnavailable) {
		kept, _ := readLogin(s)
		who.id = kept.id // the session is ended all the same
	}
	err = g.endSession(ctx, s, "logged out")
	st.become(ctx, new(login[U]))
	if who.id != "" && g.LoggedOut != nil {
		g.LoggedOut(ctx, who.id)
	}
	if err != nil {
		return fmt.Errorf("auth: logout: %w", err)
	}
	return nil
}

// endTimeout bounds the calls that end a session.
const endTimeout = 10 * time.Second

// endSession destroys a session at once, and only then closes its connections: who
// reconnects is nobody.
func (g *Gate[U]) endSession(ctx context.Context, s *sessions.Session, reason string) error {
	// Whoever logs out and closes the page at once is logged out.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	id, expires := s.ID(), s.Expires()
	_, login := readLogin(s)
	s.Destroy()
	if id == "" {
		return nil
	}
	err := s.Save(ctx)
	if login { // an anonymous session is worth nothing to remember
		err = errors.Join(err, g.remember(ctx, SessionTag(id), expires))
	}
	g.push(ctx, SessionTag(id), reason)
	return err
}
