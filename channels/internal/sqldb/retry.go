package sqldb

import (
	"context"
	"database/sql"
	"errors"
)

// A Querier is a database or a transaction of it.
type Querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// attempts is how often a statement is run.
const attempts = 5

// Retry runs f, which runs one statement that is complete in itself, so that the isolation
// PostgreSQL has by default is enough. Where another default was set, two writers of
// one row, or of one page of a table, are an error to it: then f runs again, in the
// isolation that lets one wait for the other. So it does after a deadlock.
func Retry(ctx context.Context, db *sql.DB, f func(Querier) error) error {
	err := f(db)
	for n := 1; n < attempts && lost(err); n++ {
		err = readCommitted(ctx, db, f)
	}
	return err
}

func readCommitted(ctx context.Context, db *sql.DB, f func(Querier) error) error {
	tx, err := db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// lost reports whether err is PostgreSQL's serialization_failure or deadlock_detected: the
// statement did nothing, and would not fail again by itself.
func lost(err error) bool {
	e, ok := errors.AsType[interface {
		error
		SQLState() string
	}](err)
	return ok && (e.SQLState() == "40001" || e.SQLState() == "40P01")
}
