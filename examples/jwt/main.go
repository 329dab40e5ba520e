// Command jwt shows a Gate that knows its users by JSON Web Tokens: in the Authorization
// field for programs, and in a subprotocol for pages.
//
//	go run .
//	TOKEN=$(curl -s -d 'username=alice&password=alice-demo' localhost:8081/token)
//	curl -s -H "Authorization: Bearer $TOKEN" localhost:8081/whoami
package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"io"
	"log"
	"net/http"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/auth"
)

func main() {
	app, err := newApp(0)
	if err != nil {
		log.Fatal(err)
	}
	log.Print("http://localhost:8081, account alice, password alice-demo")
	log.Fatal(http.ListenAndServe("localhost:8081", app.handler()))
}

type app struct {
	users  auth.MemoryUsers
	tokens tokens
	gate   *auth.Gate[auth.Account]
	srv    channels.Server
}

// newApp makes an application whose passwords take so many iterations to hash; 0 is the
// default of auth.Passwords.
func newApp(iterations int) (*app, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	a := &app{tokens: tokens{
		issuer:   "https://localhost:8081",
		audience: "sluice example",
		keys:     map[string]ed25519.PublicKey{"1": public},
		kid:      "1",
		private:  private,
		lifetime: 15 * time.Minute,
	}}
	a.users.Passwords.Iterations = iterations
	if _, err := a.users.SignUp(context.Background(), "alice", "alice-demo"); err != nil {
		return nil, err
	}
	a.gate = &auth.Gate[auth.Account]{
		Backends: []auth.Backend[auth.Account]{&a.users},
		Schemes:  []auth.Scheme{auth.Bearer(a.tokens.verify), auth.BearerProtocol(a.tokens.verify)},
		Revoker:  &a.srv,
	}
	a.srv.Upgrader.Subprotocols = []string{"echo"}
	return a, nil
}

func (a *app) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", a.token)
	mux.Handle("GET /whoami", a.gate.Require(http.HandlerFunc(whoami)))
	mux.Handle("/ws", a.srv.Guard(a.gate.Require(a.srv.HandlerFunc(a.echo))))
	return a.gate.Handler(mux) // no session: a token comes with each request
}

// token answers a name and a password with a token.
func (a *app) token(w http.ResponseWriter, r *http.Request) {
	user, err := a.gate.Authenticate(r.Context(), auth.Credentials{
		Username: r.PostFormValue("username"),
		Password: r.PostFormValue("password"),
	})
	if err != nil {
		a.gate.Deny(w, r, err)
		return
	}
	token, _, err := a.tokens.issue(user.ID)
	if err != nil {
		a.gate.Deny(w, r, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	io.WriteString(w, token)
}

func whoami(w http.ResponseWriter, r *http.Request) {
	user, _ := auth.User[auth.Account](r.Context())
	io.WriteString(w, user.Name)
}

// echo sends back what it gets. A message "token …" shows a new token before the old one
// ends; without it the connection closes then.
func (a *app) echo(ctx context.Context, s *channels.Socket) error {
	for m, err := range s.Messages(ctx) {
		if err != nil {
			return err
		}
		if token, ok := cutToken(m); ok {
			grant, err := a.tokens.verify(ctx, token)
			if err == nil {
				err = a.gate.Refresh(ctx, grant)
			}
			if err != nil {
				return channels.Closef(channels.StatusUnauthorized, "that token is no good")
			}
			m = channels.Text("refreshed")
		}
		if err := s.Send(ctx, m); err != nil {
			return err
		}
	}
	return nil
}
