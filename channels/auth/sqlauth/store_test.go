package sqlauth_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/channels/auth"
	"github.com/sluicehq/sluice/channels/auth/sqlauth"
	"github.com/sluicehq/sluice/channels/internal/leak"
	"github.com/sluicehq/sluice/channels/sessions/sqlstore"
)

// What the statements do is proved on PostgreSQL and SQLite by the module stores; here
// is what becomes of their results.

func TestMain(m *testing.M) { leak.Main(m) }

var (
	_ auth.TicketStore = (*sqlauth.Store)(nil)
	_ auth.Revocations = (*sqlauth.Store)(nil)
)

func TestTake(t *testing.T) {
	for _, tt := range []struct {
		name string
		db   fakeDB
		want string
		fail bool
	}{
		{"there", fakeDB{rows: [][]driver.Value{{[]byte("data")}}}, "data", false},
		{"not there", fakeDB{}, "", false},
		{"another one was faster", fakeDB{errs: []error{sqlState("40001")}}, "", false},
		{"a deadlock", fakeDB{errs: []error{sqlState("40P01")}, rows: [][]driver.Value{{[]byte("data")}}}, "data", false},
		{"a deadlock without end", fakeDB{err: sqlState("40P01")}, "", true},
		{"another state", fakeDB{err: sqlState("53300")}, "", true},
		{"down", fakeDB{err: errors.New("connection refused")}, "", true},
	} {
		data, err := newStore(t, &tt.db).Take(t.Context(), "key")
		if string(data) != tt.want || (err != nil) != tt.fail {
			t.Errorf("%s: %q, %v", tt.name, data, err)
		}
	}
}

func TestRevoked(t *testing.T) {
	at := time.UnixMilli(1700000000123)
	db := fakeDB{rows: [][]driver.Value{{"user:1", at.UnixMilli()}}}
	tags := make([]string, 1201)
	for i := range tags {
		tags[i] = fmt.Sprint("user:", i)
	}
	ended, err := newStore(t, &db).Revoked(t.Context(), tags)
	if err != nil || len(ended) != 1 || !ended["user:1"].Equal(at) {
		t.Errorf("Revoked: %v, %v", ended, err)
	}
	var asked []int
	for _, args := range db.args {
		asked = append(asked, len(args)-1)
	}
	if got := fmt.Sprint(asked); got != "[500 500 201]" {
		t.Errorf("asked for %s tags", got)
	}
	if ended, err := newStore(t, &fakeDB{}).Revoked(t.Context(), nil); len(ended) > 0 || err != nil {
		t.Errorf("of no tags: %v, %v", ended, err)
	}
	if _, err := newStore(t, &fakeDB{err: errors.New("down")}).Revoked(t.Context(), tags); err == nil {
		t.Error("a database that is down is no error")
	}
}

func TestErrors(t *testing.T) {
	store := newStore(t, &fakeDB{err: errors.New("down")})
	if err := store.Put(t.Context(), "key", nil, time.Second); err == nil {
		t.Error("Put: no error")
	}
	if err := store.Revoke(t.Context(), "tag", time.Now(), time.Now()); err == nil {
		t.Error("Revoke: no error")
	}
	if n, err := store.Sweep(t.Context()); n != 0 || err == nil {
		t.Errorf("Sweep: %d, %v", n, err)
	}
}

func TestSweep(t *testing.T) {
	db := fakeDB{affected: []int64{1000, 7, 1000, 1000, 0}}
	if n, err := newStore(t, &db).Sweep(t.Context()); n != 3007 || err != nil || len(db.args) != 5 {
		t.Errorf("Sweep: %d, %v, in %d statements", n, err, len(db.args))
	}
}

func TestNew(t *testing.T) {
	db := new(fakeDB).open(t)
	for _, tt := range []struct {
		db      *sql.DB
		dialect sqlstore.Dialect
		prefix  string
		good    bool
	}{
		{db, sqlstore.PostgreSQL, "sluice_", true},
		{db, sqlstore.PostgreSQL, "app.sluice_", true},
		{db, sqlstore.SQLite, "sluice_", true},
		{db, sqlstore.SQLite, "app.sluice_", false},
		{db, sqlstore.PostgreSQL, "a.b.c", false},
		{db, sqlstore.PostgreSQL, "", false},
		{db, sqlstore.PostgreSQL, "x; DROP TABLE users", false},
		{db, sqlstore.PostgreSQL, strings.Repeat("x", 41), false},
		{db, 0, "sluice_", false},
		{nil, sqlstore.PostgreSQL, "sluice_", false},
	} {
		store, err := sqlauth.NewWithPrefix(tt.db, tt.dialect, tt.prefix)
		if (err == nil) != tt.good {
			t.Errorf("%v %q: %v", tt.dialect, tt.prefix, err)
		}
		if tt.good && !strings.Contains(store.Schema(), "CREATE TABLE IF NOT EXISTS "+tt.prefix+"tickets (") {
			t.Errorf("%v %q: %s", tt.dialect, tt.prefix, store.Schema())
		}
	}
}

func ExampleStore_Schema() {
	db := sql.OpenDB(new(fakeDB)) // in earnest: sql.Open("pgx", …)
	defer db.Close()
	store, err := sqlauth.New(db, sqlstore.PostgreSQL)
	if err != nil {
		panic(err)
	}
	fmt.Print(store.Schema())
	// Output:
	// CREATE TABLE IF NOT EXISTS sluice_tickets (
	// 	id TEXT PRIMARY KEY,
	// 	data BYTEA NOT NULL,
	// 	expires BIGINT NOT NULL
	// );
	// CREATE INDEX IF NOT EXISTS sluice_tickets_expires ON sluice_tickets (expires);
	// CREATE TABLE IF NOT EXISTS sluice_revocations (
	// 	tag TEXT PRIMARY KEY,
	// 	ended BIGINT NOT NULL,
	// 	expires BIGINT NOT NULL
	// );
	// CREATE INDEX IF NOT EXISTS sluice_revocations_expires ON sluice_revocations (expires);
}

func newStore(t *testing.T, f *fakeDB) *sqlauth.Store {
	t.Helper()
	store, err := sqlauth.New(f.open(t), sqlstore.PostgreSQL)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

type sqlState string

func (s sqlState) Error() string    { return "SQLSTATE " + string(s) }
func (s sqlState) SQLState() string { return string(s) }

// A fakeDB answers its statements with affected, one after the other, and its queries
// with rows, once.
type fakeDB struct {
	affected []int64
	rows     [][]driver.Value
	err      error
	errs     []error // of the first calls
	args     [][]driver.NamedValue
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

// BeginTx takes the isolation in which a statement is run again, and no other.
func (fakeConn) BeginTx(_ context.Context, o driver.TxOptions) (driver.Tx, error) {
	if o.Isolation != driver.IsolationLevel(sql.LevelReadCommitted) {
		return nil, errors.New("another isolation")
	}
	return fakeTx{}, nil
}

type fakeTx struct{}

func (fakeTx) Commit() error   { return nil }
func (fakeTx) Rollback() error { return nil }

// fails notes a call and returns its error.
func (c fakeConn) fails(args []driver.NamedValue) error {
	c.args = append(c.args, args)
	if len(c.errs) > 0 {
		err := c.errs[0]
		c.errs = c.errs[1:]
		return err
	}
	return c.err
}

func (c fakeConn) ExecContext(_ context.Context, _ string, args []driver.NamedValue) (driver.Result, error) {
	if err := c.fails(args); err != nil || len(c.affected) == 0 {
		return driver.RowsAffected(1), err
	}
	n := c.affected[0]
	c.affected = c.affected[1:]
	return driver.RowsAffected(n), nil
}

func (c fakeConn) QueryContext(_ context.Context, _ string, args []driver.NamedValue) (driver.Rows, error) {
	if err := c.fails(args); err != nil {
		return nil, err
	}
	rows := c.rows
	c.fakeDB.rows = nil
	return &fakeRows{rows}, nil
}

type fakeRows struct{ rows [][]driver.Value }

func (r *fakeRows) Columns() []string {
	if len(r.rows) == 0 {
		return []string{"data"}
	}
	return make([]string, len(r.rows[0]))
}
func (*fakeRows) Close() error { return nil }

func (r *fakeRows) Next(dest []driver.Value) error {
	if len(r.rows) == 0 {
		return io.EOF
	}
	copy(dest, r.rows[0])
	r.rows = r.rows[1:]
	return nil
}
