package sqlstore

import (
	"context"
	"database/sql"
	"errors"
)

// A querier is a database or a transaction of it.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// exec runs a statement and returns how many rows it affected.
func (s *Store) exec(ctx context.Context, query string, args ...any) (n int64, err error) {
	err = s.readCommitted(ctx, func(db querier) error {
		res, err := db.ExecContext(ctx, query, args...)
		if err != nil {
			return err
		}
		n, err = res.RowsAffected()
		return err
	})
	return n, err
}

// readCommitted runs one statement. Each is complete in itself, so that the isolation
// PostgreSQL has by default is enough. Where another default was set, two writers of
// one session, or of one page of the table, are an error to it: then the statement
// is run again, in the isolation that lets one wait for the other.
func (s *Store) readCommitted(ctx context.Context, f func(querier) error) error {
	err := f(s.db)
	if !serialization(err) {
		return err
	}
	tx, err := s.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// serialization reports whether err is PostgreSQL's serialization_failure.
func serialization(err error) bool {
	e, ok := errors.AsType[interface {
		error
		SQLState() string
	}](err)
	return ok && e.SQLState() == "40001"
}
