package auth_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/auth"
)

// A login is a row of the site's own table, by the value of its cookie.
type siteLogin struct {
	id      string // public
	userID  string
	issued  time.Time
	expires time.Time
}

// A site that has its own login, cookie and users puts a chat beside them, and its logout
// closes the chat's sockets.
func ExampleCookie() {
	var table sync.Map // of siteLogin, by the cookie's value
	table.Store("8c6f0a17", siteLogin{"login-1", "7", time.Now(), time.Now().Add(time.Hour)})

	var srv channels.Server
	gate := &auth.Gate[Person]{
		Backends: []auth.Backend[Person]{people{"7": {ID: "7", Name: "Ann"}}},
		Revoker:  &srv,
		Schemes: []auth.Scheme{auth.Cookie("sid", func(ctx context.Context, value string) (auth.Grant, error) {
			row, ok := table.Load(value)
			if !ok {
				return auth.Grant{}, auth.ErrDenied
			}
			l := row.(siteLogin)
			return auth.Grant{UserID: l.userID, Session: l.id, Issued: l.issued, Expires: l.expires}, nil
		})},
		SessionLifetime: time.Hour,
	}
	mux := http.NewServeMux() // the site's
	mux.HandleFunc("POST /logout", func(w http.ResponseWriter, r *http.Request) {
		c, err := r.Cookie("sid")
		if err != nil {
			return
		}
		if row, ok := table.LoadAndDelete(c.Value); ok {
			if err := gate.RevokeSession(r.Context(), row.(siteLogin).id); err != nil {
				gate.Deny(w, r, err)
			}
		}
	})
	mux.Handle("/chat", gate.Handler(srv.HandlerFunc(func(ctx context.Context, s *channels.Socket) error {
		person, ok := auth.User[Person](ctx)
		if !ok {
			return channels.Closef(channels.StatusUnauthorized, "log in first")
		}
		if err := s.Send(ctx, channels.Text("hello "+person.Name)); err != nil {
			return err
		}
		<-ctx.Done()
		return context.Cause(ctx)
	})))
	site := httptest.NewServer(mux)
	defer site.Close()

	ctx := context.Background()
	c, _, err := channels.Dial(ctx, "ws"+strings.TrimPrefix(site.URL, "http")+"/chat", &channels.DialOptions{
		Header: http.Header{"Cookie": {"sid=8c6f0a17"}},
	})
	if err != nil {
		panic(err)
	}
	defer c.CloseNow()
	for m, err := range c.Messages(ctx) {
		if err != nil {
			fmt.Println(err)
			break
		}
		fmt.Printf("%s\n", m.Data)
		r, _ := http.NewRequest("POST", site.URL+"/logout", nil)
		r.AddCookie(&http.Cookie{Name: "sid", Value: "8c6f0a17"})
		if _, err := http.DefaultClient.Do(r); err != nil {
			panic(err)
		}
	}
	// Output:
	// hello Ann
	// websocket: closed: 3000 (unauthorized): "revoked"
}
