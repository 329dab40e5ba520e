package sessions

import (
	"context"
	"time"
)

// A Store keeps sessions on the server. The interface has standard types only, so
// that one can be written without importing this package; wstest.TestStore
// checks that it keeps the contract. Its methods may be called by several
// goroutines at once.
//
// A key is 51 characters of [A-Za-z0-9_:-], made from the SHA-256 of the token in
// the cookie: whoever reads the store cannot make a cookie of it. The data is
// opaque, at most [MaxStored] bytes. A version is any number except 0, and differs
// from every other version that the key has had, also before it was deleted.
//
// An error whose method Conflict() bool, found by errors.As, returns true is a
// conflict; any other error means that the store is not to be reached, and
// becomes [ErrUnavailable]. A [BatchStore] can load many at once.
type Store interface {
	// Load returns what was saved last, and its version. There is nothing, and
	// nil, 0, nil is returned, when the key was never saved, was deleted, or has
	// expired. The caller does not change data.
	Load(ctx context.Context, key string) (data []byte, version uint64, err error)

	// Save replaces what has the given version, in one atomic step, and returns
	// the new version. Version 0 creates, and conflicts when there is something;
	// another version conflicts when there is nothing, or something of another
	// version: so a session that was deleted is never brought back. From
	// expires on there is nothing. Save does not keep data.
	Save(ctx context.Context, key string, data []byte, version uint64, expires time.Time) (uint64, error)

	// Delete removes what is there, of whatever version. To delete what is not
	// there is no error.
	Delete(ctx context.Context, key string) error
}

// MaxStored is the largest session that is handed to a [Store], in bytes.
const MaxStored = 256 << 10
