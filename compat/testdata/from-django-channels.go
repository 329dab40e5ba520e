package doc

import (
	"context"
	"net/http"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/auth"
	"github.com/sluicehq/sluice/channels/sessions"
)

var (
	srv        *channels.Server
	sess       *sessions.Manager
	gate       *auth.Gate[auth.Account]
	users      *auth.MemoryUsers
	app        http.Handler
	list, room http.Handler
)

type tenantKey struct{}

func tenantOf(host string) string { return host }

type claims struct {
	Subject             string
	IssuedAt, ExpiresAt time.Time
}

func verify(token string) (claims, error) { return claims{}, context.Canceled }
