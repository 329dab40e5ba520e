package doc

import (
	"context"
	"net/http"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/auth"
	"github.com/sluicehq/sluice/channels/sessions"
)

type Account struct{ Name string }

func (a Account) UserID() string { return a.Name }

type chat struct{ user Account }

func newChat() *chat { return new(chat) }

var (
	srv       channels.Server
	sess      *sessions.Manager
	gate      *auth.Gate[Account]
	site, app http.Handler
	mux       = http.NewServeMux()
	users     auth.Backend[Account]
)

func yourLogin(ctx context.Context, cookie string) (auth.Grant, error) {
	return auth.Grant{}, auth.ErrDenied
}

func endYourLogin(w http.ResponseWriter, r *http.Request) (id string) { return "" }
