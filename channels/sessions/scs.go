package sessions

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"
)

// An SCSStore is what a store of github.com/alexedwards/scs/v2 has. Its optional
// methods with a context (FindCtx, CommitCtx, DeleteCtx) are used when present.
type SCSStore interface {
	Delete(token string) error
	Find(token string) (data []byte, found bool, err error)
	Commit(token string, data []byte, expiry time.Time) error
}

type scsCtxStore interface {
	DeleteCtx(ctx context.Context, token string) error
	FindCtx(ctx context.Context, token string) (data []byte, found bool, err error)
	CommitCtx(ctx context.Context, token string, data []byte, expiry time.Time) error
}

// FromSCS makes a [Store] of a store of github.com/alexedwards/scs/v2, unchanged:
// Redis, MySQL, DynamoDB and a dozen more.
//
// Such a store cannot compare and replace in one step, so the last writer wins:
// Save looks first, and refuses what was ended or changed by then, but whatever
// happens between this look and its write is overwritten. Two requests of one
// browser in the same millisecond can so lose a change, or bring back a session
// that the other one ended. Where that matters, take a native Store.
func FromSCS(store SCSStore) Store {
	if store == nil {
		panic("sessions: FromSCS: the store is nil")
	}
	if ctxStore, ok := store.(scsCtxStore); ok {
		return scsAdapter{ctxStore}
	}
	return scsAdapter{scsPlain{store}}
}

type scsAdapter struct{ store scsCtxStore }

func (a scsAdapter) Load(ctx context.Context, key string) ([]byte, uint64, error) {
	data, found, err := a.store.FindCtx(ctx, key)
	if err != nil || !found {
		return nil, 0, err
	}
	return data, contentVersion(data), nil
}

func (a scsAdapter) Save(ctx context.Context, key string, data []byte, version uint64, expires time.Time) (uint64, error) {
	_, present, err := a.Load(ctx, key)
	switch {
	case err != nil:
		return 0, err
	case version == 0 && present != 0:
		return 0, errExists
	case version != 0 && present == 0:
		return 0, errGone
	case version != present:
		return 0, errChanged
	}
	// Some of these stores keep the slice that they are given.
	if err := a.store.CommitCtx(ctx, key, slices.Clone(data), expires); err != nil {
		return 0, err
	}
	return contentVersion(data), nil
}

func (a scsAdapter) Delete(ctx context.Context, key string) error {
	return a.store.DeleteCtx(ctx, key)
}

// contentVersion numbers data by its hash: equal data is the same version, which
// is all that a comparison needs.
func contentVersion(data []byte) uint64 {
	sum := sha256.Sum256(data)
	return binary.BigEndian.Uint64(sum[:]) | 1 // never 0
}

// scsPlain gives a store without contexts the methods of one with them.
type scsPlain struct{ store SCSStore }

func (p scsPlain) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	return p.store.Find(token)
}

func (p scsPlain) CommitCtx(ctx context.Context, token string, data []byte, expiry time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return p.store.Commit(token, data, expiry)
}

func (p scsPlain) DeleteCtx(ctx context.Context, token string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return p.store.Delete(token)
}
