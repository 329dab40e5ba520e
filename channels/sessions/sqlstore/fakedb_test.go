package sqlstore_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"testing"
)

// A fakeDB is a database that answers every statement in one way, and notes it.
type fakeDB struct {
	affected []int64          // of one statement after another
	rows     [][]driver.Value // of a query
	err      error
	errOnce  error // of the first statement
	begun    []driver.TxOptions

	statements []string
	args       [][]driver.NamedValue
}

func (f *fakeDB) open(t *testing.T) *sql.DB {
	db := sql.OpenDB(f)
	t.Cleanup(func() { db.Close() })
	return db
}

func (f *fakeDB) Connect(context.Context) (driver.Conn, error) { return fakeConn{f}, nil }
func (f *fakeDB) Driver() driver.Driver                        { return nil }

type fakeConn struct{ *fakeDB }

func (fakeConn) Prepare(string) (driver.Stmt, error) { return nil, errors.New("not prepared") }
func (fakeConn) Begin() (driver.Tx, error)           { return nil, errors.New("no default transactions") }
func (fakeConn) Close() error                        { return nil }

func (c fakeConn) BeginTx(_ context.Context, o driver.TxOptions) (driver.Tx, error) {
	c.begun = append(c.begun, o)
	return fakeTx{}, nil
}

type fakeTx struct{}

func (fakeTx) Commit() error   { return nil }
func (fakeTx) Rollback() error { return nil }

func (c fakeConn) note(query string, args []driver.NamedValue) error {
	c.statements = append(c.statements, query)
	c.args = append(c.args, args)
	if err := c.errOnce; err != nil {
		c.errOnce = nil
		return err
	}
	return c.err
}

func (c fakeConn) ExecContext(_ context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if err := c.note(query, args); err != nil {
		return nil, err
	}
	if len(c.affected) == 0 {
		return driver.ResultNoRows, nil // RowsAffected of which is an error
	}
	n := c.affected[0]
	c.affected = c.affected[1:]
	return driver.RowsAffected(n), nil
}

func (c fakeConn) QueryContext(_ context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if err := c.note(query, args); err != nil {
		return nil, err
	}
	return &fakeRows{c.rows}, nil
}

type fakeRows struct{ rows [][]driver.Value }

func (*fakeRows) Columns() []string { return []string{"data", "version"} }
func (*fakeRows) Close() error      { return nil }

func (r *fakeRows) Next(dest []driver.Value) error {
	if len(r.rows) == 0 {
		return io.EOF
	}
	copy(dest, r.rows[0])
	r.rows = r.rows[1:]
	return nil
}
