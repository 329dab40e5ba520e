package sqlauth

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/channels/internal/sqldb"
	"github.com/sluicehq/sluice/channels/sessions/sqlstore"
)

// A Store is an auth.TicketStore and an auth.Revocations. Its methods may be called by
// several goroutines at once.
type Store struct {
	db  *sql.DB
	sql statements
}

// New returns a store in the tables sluice_tickets and sluice_revocations of db, which
// stays the caller's to close. It does not ask the database for anything.
func New(db *sql.DB, dialect sqlstore.Dialect) (*Store, error) {
	return NewWithPrefix(db, dialect, "sluice_")
}

// NewWithPrefix is New with another prefix of the tables' names: up to 40 letters, digits
// and _, and with PostgreSQL a schema and a dot in front.
func NewWithPrefix(db *sql.DB, dialect sqlstore.Dialect, prefix string) (*Store, error) {
	if db == nil {
		return nil, errors.New("sqlauth: no database")
	}
	statements, err := statementsOf(dialect, prefix)
	if err != nil {
		return nil, err
	}
	return &Store{db, statements}, nil
}

// Schema returns the statements that make the tables and their indexes, if they are not
// there.
func (s *Store) Schema() string { return s.sql.schema }

// Put implements auth.TicketStore. The time counts by the database's clock.
func (s *Store) Put(ctx context.Context, key string, data []byte, ttl time.Duration) error {
	if _, err := sqldb.Exec(ctx, s.db, s.sql.put, key, data, ttl.Milliseconds()); err != nil {
		return fmt.Errorf("sqlauth: put a ticket: %w", err)
	}
	return nil
}

// Take implements auth.TicketStore, with one statement that deletes and returns.
func (s *Store) Take(ctx context.Context, key string) ([]byte, error) {
	var data []byte
	err := sqldb.Retry(ctx, s.db, func(db sqldb.Querier) error {
		return db.QueryRowContext(ctx, s.sql.take, key).Scan(&data)
	})
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("sqlauth: take a ticket: %w", err)
	}
	return data, nil
}

// Revoke implements auth.Revocations.
func (s *Store) Revoke(ctx context.Context, tag string, at, until time.Time) error {
	if _, err := sqldb.Exec(ctx, s.db, s.sql.revoke, tag, at.UnixMilli(), until.UnixMilli()); err != nil {
		return fmt.Errorf("sqlauth: revoke: %w", err)
	}
	return nil
}

// Revoked implements auth.Revocations.
func (s *Store) Revoked(ctx context.Context, tags []string) (map[string]time.Time, error) {
	var ended map[string]time.Time
	for len(tags) > 0 {
		n := min(len(tags), sqldb.MaxIn)
		var rows []revocation
		err := sqldb.Retry(ctx, s.db, func(db sqldb.Querier) (err error) {
			rows, err = s.revoked(ctx, db, tags[:n])
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("sqlauth: look up what was revoked: %w", err)
		}
		if ended == nil {
			ended = make(map[string]time.Time, len(rows))
		}
		for _, row := range rows {
			ended[row.tag] = row.at
		}
		tags = tags[n:]
	}
	return ended, nil
}

type revocation struct {
	tag string
	at  time.Time
}

func (s *Store) revoked(ctx context.Context, db sqldb.Querier, tags []string) ([]revocation, error) {
	args := make([]any, 0, len(tags)+1)
	args = append(args, time.Now().UnixMilli())
	for _, tag := range tags {
		args = append(args, tag)
	}
	rows, err := db.QueryContext(ctx, s.sql.revoked(len(tags)), args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []revocation
	for rows.Next() {
		var r revocation
		var at int64
		if err := rows.Scan(&r.tag, &at); err != nil {
			return nil, err
		}
		r.at = time.UnixMilli(at)
		list = append(list, r)
	}
	return list, rows.Err()
}

// Sweep deletes what has expired, a thousand rows at a time, and returns how many they
// were, also with an error.
func (s *Store) Sweep(ctx context.Context) (deleted int64, err error) {
	deleted, err = sqldb.Sweep(ctx, s.db, s.sql.sweepTickets)
	if err == nil {
		var n int64
		n, err = sqldb.Sweep(ctx, s.db, s.sql.sweepRevocations, time.Now().UnixMilli())
		deleted += n
	}
	if err != nil {
		err = fmt.Errorf("sqlauth: sweep: %w", err)
	}
	return deleted, err
}
