package main

import (
	"context"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/auth"
	"github.com/sluicehq/sluice/channels/routing"
)

// maxEcho is the largest message that the open echo returns, in bytes.
const maxEcho = 16 << 20

// echo returns every message.
func echo(ctx context.Context, s *channels.Socket) error {
	for m, err := range s.Messages(ctx) {
		if err != nil {
			return err
		}
		if err := s.Send(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// greetedEcho first says who it takes the client for, and what it was called with.
func greetedEcho(ctx context.Context, s *channels.Socket) error {
	var greeting struct {
		User   *string           `json:"user"` // null: nobody
		Kwargs map[string]string `json:"kwargs"`
	}
	if account, ok := auth.User[Account](ctx); ok {
		greeting.User = &account.Name
	}
	greeting.Kwargs = map[string]string{"name": routing.Params(ctx).Get("name")}
	if err := s.SendJSON(ctx, greeting); err != nil {
		return err
	}
	return echo(ctx, s)
}
