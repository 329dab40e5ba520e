package sqlstore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/channels/internal/sqldb"
)

// DefaultTable is the name of the table that [New] uses.
const DefaultTable = "sluice_sessions"

// A Store keeps sessions in a table. It is a sessions.Store with the full contract:
// two requests that change one session at the same time do not lose each other's
// changes, on however many servers, and what was ended stays ended.
type Store struct {
	db  *sql.DB
	sql statements
}

// New returns a store in the table [DefaultTable] of db, which stays the caller's to
// close. It does not ask the database for anything.
func New(db *sql.DB, dialect Dialect) (*Store, error) {
	return NewInTable(db, dialect, DefaultTable)
}

// NewInTable is New with another table: "name", or "schema.name" in PostgreSQL.
func NewInTable(db *sql.DB, dialect Dialect, table string) (*Store, error) {
	if db == nil {
		return nil, errors.New("sqlstore: no database")
	}
	statements, err := dialect.statements(table)
	if err != nil {
		return nil, err
	}
	return &Store{db, statements}, nil
}

// Schema returns the statements that make the table and its index, if they are not
// there.
func (s *Store) Schema() string { return s.sql.schema }

// A conflict is what the Manager of a session looks for.
type conflict string

func (c conflict) Error() string { return "sqlstore: " + string(c) }

// Conflict makes it one.
func (conflict) Conflict() bool { return true }

// Load implements sessions.Store.
func (s *Store) Load(ctx context.Context, key string) ([]byte, uint64, error) {
	var data []byte
	var version int64
	err := sqldb.Retry(ctx, s.db, func(db sqldb.Querier) error {
		return db.QueryRowContext(ctx, s.sql.load, key, millis(time.Now())).Scan(&data, &version)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("sqlstore: load: %w", err)
	}
	return data, uint64(version), nil
}

// LoadMany implements sessions.BatchStore.
func (s *Store) LoadMany(ctx context.Context, keys []string) (map[string][]byte, error) {
	found := make(map[string][]byte, len(keys))
	for len(keys) > 0 {
		n := min(len(keys), sqldb.MaxIn)
		err := sqldb.Retry(ctx, s.db, func(db sqldb.Querier) error { return s.loadMany(ctx, db, keys[:n], found) })
		if err != nil {
			return nil, fmt.Errorf("sqlstore: load many: %w", err)
		}
		keys = keys[n:]
	}
	return found, nil
}

func (s *Store) loadMany(ctx context.Context, db sqldb.Querier, keys []string, found map[string][]byte) error {
	args := make([]any, 0, len(keys)+1)
	args = append(args, millis(time.Now()))
	for _, key := range keys {
		args = append(args, key)
	}
	rows, err := db.QueryContext(ctx, s.sql.loadMany(len(keys)), args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var key string
		var data []byte
		if err := rows.Scan(&key, &data); err != nil {
			return err
		}
		found[key] = data
	}
	return rows.Err()
}

// Save implements sessions.Store.
func (s *Store) Save(ctx context.Context, key string, data []byte, version uint64, expires time.Time) (uint64, error) {
	if data == nil {
		data = []byte{} // not NULL
	}
	now, next := millis(time.Now()), newVersion()
	var n int64
	var err error
	if version == 0 {
		n, err = sqldb.Exec(ctx, s.db, s.sql.create, key, data, next, millis(expires), now)
	} else {
		n, err = sqldb.Exec(ctx, s.db, s.sql.update, data, next, millis(expires), key, int64(version), now)
	}
	switch {
	case err != nil:
		return 0, fmt.Errorf("sqlstore: save: %w", err)
	case n == 0 && version == 0:
		return 0, conflict("the session exists already")
	case n == 0:
		return 0, conflict("the session has another version, or was ended")
	}
	return uint64(next), nil
}

// Delete implements sessions.Store.
func (s *Store) Delete(ctx context.Context, key string) error {
	if _, err := sqldb.Exec(ctx, s.db, s.sql.delete, key); err != nil {
		return fmt.Errorf("sqlstore: delete: %w", err)
	}
	return nil
}

// Sweep deletes the sessions that have expired, a thousand at a time, and returns
// how many they were, also with an error.
func (s *Store) Sweep(ctx context.Context) (deleted int64, err error) {
	if deleted, err = sqldb.Sweep(ctx, s.db, s.sql.sweep, millis(time.Now())); err != nil {
		err = fmt.Errorf("sqlstore: sweep: %w", err)
	}
	return deleted, err
}

func millis(t time.Time) int64 { return t.UnixMilli() }

// newVersion returns a random number over 0: no two states of a row have the same,
// also if it was deleted in between, and no counter needs to be kept.
func newVersion() int64 {
	var b [8]byte
	rand.Read(b[:])
	return int64(binary.BigEndian.Uint64(b[:])>>1 | 1)
}
