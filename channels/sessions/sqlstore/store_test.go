package sqlstore_test

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/channels/internal/leak"
	"github.com/sluicehq/sluice/channels/sessions"
	"github.com/sluicehq/sluice/channels/sessions/sqlstore"
)

// What the statements do is proved on PostgreSQL and SQLite by the module stores;
// here is what becomes of their results.

func TestMain(m *testing.M) { leak.Main(m) }

var _ sessions.Store = (*sqlstore.Store)(nil)

func newStore(t *testing.T, f *fakeDB, d sqlstore.Dialect) *sqlstore.Store {
	t.Helper()
	s, err := sqlstore.New(f.open(t), d)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestLoad(t *testing.T) {
	f := &fakeDB{rows: [][]driver.Value{{[]byte("data"), int64(7)}}}
	data, version, err := newStore(t, f, sqlstore.PostgreSQL).Load(t.Context(), "key")
	if string(data) != "data" || version != 7 || err != nil {
		t.Errorf("Load: %q, %d, %v", data, version, err)
	}
	data, version, err = newStore(t, &fakeDB{}, sqlstore.PostgreSQL).Load(t.Context(), "key")
	if data != nil || version != 0 || err != nil {
		t.Errorf("Load of nothing: %q, %d, %v", data, version, err)
	}
}

func TestSave(t *testing.T) {
	tests := []struct {
		name         string
		version      uint64
		affected     int64
		err          error
		good, confli bool
	}{
		{"created", 0, 1, nil, true, false},
		{"exists", 0, 0, nil, false, true},
		{"updated", 9, 1, nil, true, false},
		{"changed or gone", 9, 0, nil, false, true},
		{"serialization failure for ever", 9, 0, sqlState("40001"), false, false},
		{"another state", 9, 0, sqlState("53300"), false, false},
		{"down", 9, 0, errors.New("connection refused"), false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := &fakeDB{affected: []int64{tt.affected}, err: tt.err}
			version, err := newStore(t, f, sqlstore.SQLite).Save(t.Context(), "key", nil, tt.version, time.Now())
			if (err == nil) != tt.good || (version != 0) != tt.good || version == tt.version && tt.good {
				t.Errorf("Save: %d, %v", version, err)
			}
			var c interface{ Conflict() bool }
			if got := errors.As(err, &c) && c.Conflict(); got != tt.confli {
				t.Errorf("error %v: conflict %v, want %v", err, got, tt.confli)
			}
			if verb, _, _ := strings.Cut(f.statements[0], " "); (verb == "INSERT") != (tt.version == 0) {
				t.Errorf("version %d: %s", tt.version, f.statements[0])
			}
			for _, arg := range f.args[0] {
				if arg.Value == nil {
					t.Error("data of no bytes is NULL")
				}
			}
		})
	}
}

type sqlState string

func (s sqlState) Error() string    { return "SQLSTATE " + string(s) }
func (s sqlState) SQLState() string { return string(s) }

// A serialization failure, of a database that was told to be strict, is tried again
// in the isolation that is enough.
func TestSerializationFailure(t *testing.T) {
	f := &fakeDB{errOnce: sqlState("40001"), affected: []int64{1}}
	if err := newStore(t, f, sqlstore.PostgreSQL).Delete(t.Context(), "key"); err != nil {
		t.Errorf("Delete: %v", err)
	}
	want := []driver.TxOptions{{Isolation: driver.IsolationLevel(sql.LevelReadCommitted)}}
	if diff := cmp.Diff(want, f.begun); diff != "" {
		t.Errorf("transactions (-want +got):\n%s", diff)
	}
	if len(f.statements) != 2 || f.statements[0] != f.statements[1] {
		t.Errorf("statements: %q", f.statements)
	}
}

// Whatever fails is an error that wraps the driver's.
func TestErrors(t *testing.T) {
	down := errors.New("connection refused")
	s := newStore(t, &fakeDB{err: down}, sqlstore.PostgreSQL)
	_, _, errLoad := s.Load(t.Context(), "key")
	_, errSave := s.Save(t.Context(), "key", nil, 0, time.Now())
	_, errSweep := s.Sweep(t.Context())
	for what, err := range map[string]error{
		"load": errLoad, "save": errSave, "delete": s.Delete(t.Context(), "key"), "sweep": errSweep,
	} {
		if !errors.Is(err, down) || !strings.Contains(err.Error(), "sqlstore: "+what) {
			t.Errorf("%s: %v", what, err)
		}
	}
	s = newStore(t, &fakeDB{}, sqlstore.PostgreSQL) // cannot tell how many rows
	_, errSave = s.Save(t.Context(), "key", nil, 0, time.Now())
	_, errSweep = s.Sweep(t.Context())
	if errSave == nil || errSweep == nil {
		t.Errorf("RowsAffected fails: Save %v, Sweep %v", errSave, errSweep)
	}
}

// Sweep goes on while batches are full.
func TestSweep(t *testing.T) {
	f := &fakeDB{affected: []int64{1000, 1000, 17}}
	n, err := newStore(t, f, sqlstore.PostgreSQL).Sweep(t.Context())
	if n != 2017 || err != nil || len(f.statements) != 3 {
		t.Errorf("Sweep: %d, %v after %d statements", n, err, len(f.statements))
	}
}

// Placeholders, types and names are the dialect's.
func TestDialects(t *testing.T) {
	tests := []struct {
		dialect   sqlstore.Dialect
		table     string
		want, not string
	}{
		{sqlstore.PostgreSQL, "s", "VALUES ($1, $2, $3, $4)", "?"},
		{sqlstore.SQLite, "s", "VALUES (?1, ?2, ?3, ?4)", "$"},
		{sqlstore.PostgreSQL, "app.s", "INSERT INTO app.s (", " T"},
	}
	for _, tt := range tests {
		f := &fakeDB{affected: []int64{1}}
		s, err := sqlstore.NewInTable(f.open(t), tt.dialect, tt.table)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Save(t.Context(), "key", nil, 0, time.Now()); err != nil {
			t.Fatal(err)
		}
		if got := f.statements[0]; !strings.Contains(got, tt.want) || strings.Contains(got, tt.not) {
			t.Errorf("%v, %s: %s", tt.dialect, tt.table, got)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	db := (&fakeDB{}).open(t)
	tests := []struct {
		name    string
		db      *sql.DB
		dialect sqlstore.Dialect
		table   string
		want    string
	}{
		{"no database", nil, sqlstore.SQLite, "s", "no database"},
		{"no dialect", db, 0, "s", "unknown dialect"},
		{"an injection", db, sqlstore.SQLite, "s; DROP TABLE users", "table name"},
		{"quotes", db, sqlstore.PostgreSQL, `"s"`, "table name"},
		{"no name", db, sqlstore.PostgreSQL, "", "table name"},
		{"a schema in SQLite", db, sqlstore.SQLite, "main.s", "table name"},
		{"two dots", db, sqlstore.PostgreSQL, "a.b.c", "table name"},
		{"too long", db, sqlstore.PostgreSQL, strings.Repeat("s", 56), "table name"},
	}
	for _, tt := range tests {
		if _, err := sqlstore.NewInTable(tt.db, tt.dialect, tt.table); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want %q in it", tt.name, err, tt.want)
		}
	}
	var names []string
	for _, d := range []sqlstore.Dialect{sqlstore.PostgreSQL, sqlstore.SQLite, 9} {
		names = append(names, d.String())
	}
	if diff := cmp.Diff([]string{"PostgreSQL", "SQLite", "Dialect(9)"}, names); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

func ExampleStore_Schema() {
	db := sql.OpenDB(&fakeDB{}) // sql.Open("pgx", "postgres://…")
	defer db.Close()
	store, err := sqlstore.New(db, sqlstore.PostgreSQL)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(store.Schema())
	// Output:
	// CREATE TABLE IF NOT EXISTS sluice_sessions (
	// 	id TEXT PRIMARY KEY,
	// 	data BYTEA NOT NULL,
	// 	version BIGINT NOT NULL,
	// 	expires BIGINT NOT NULL
	// );
	// CREATE INDEX IF NOT EXISTS sluice_sessions_expires ON sluice_sessions (expires);
}
