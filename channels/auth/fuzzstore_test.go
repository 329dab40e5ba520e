package auth_test

import (
	"context"
	"time"
)

// askedStore has nothing, and notes that it was asked.
type askedStore struct{ asked *bool }

func (askedStore) Put(context.Context, string, []byte, time.Duration) error { return nil }

func (s askedStore) Take(context.Context, string) ([]byte, error) {
	*s.asked = true
	return nil, nil
}
