package stores_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/channels/sessions/sqlstore"
	"github.com/sluicehq/sluice/channels/wstest"
)

// dialects runs a test on each database.
func dialects(t *testing.T, f func(t *testing.T, db *sql.DB, d sqlstore.Dialect)) {
	t.Run("PostgreSQL", func(t *testing.T) { f(t, openPostgres(t), sqlstore.PostgreSQL) })
	t.Run("SQLite", func(t *testing.T) { f(t, openSQLite(t), sqlstore.SQLite) })
}

// newSQL returns a store whose table has been made by its own schema, twice: that it
// is there already is no error.
func newSQL(t *testing.T, db *sql.DB, d sqlstore.Dialect) *sqlstore.Store {
	t.Helper()
	store, err := sqlstore.New(db, d)
	if err != nil {
		t.Fatal(err)
	}
	execute(t, db, store.Schema())
	execute(t, db, store.Schema())
	return store
}

func TestSQLStore(t *testing.T) {
	dialects(t, func(t *testing.T, db *sql.DB, d sqlstore.Dialect) {
		store := newSQL(t, db, d)
		wstest.TestStore(t, func(*testing.T) wstest.Store { return store }, nil)
	})
}

// A stricter isolation than the default gives conflicts, not failures.
func TestSQLStoreSerializable(t *testing.T) {
	store := newSQL(t, openPostgres(t, "default_transaction_isolation=serializable"), sqlstore.PostgreSQL)
	wstest.TestStore(t, func(*testing.T) wstest.Store { return store }, nil)
}

// A table in a schema is made, used and swept under its full name.
func TestSQLStoreInSchema(t *testing.T) {
	db := connectPostgres(t, "search_path=pg_catalog")
	store, err := sqlstore.NewInTable(db, sqlstore.PostgreSQL, postgresSchema(t)+".visits")
	if err != nil {
		t.Fatal(err)
	}
	execute(t, db, store.Schema())
	if _, err := store.Save(t.Context(), "key", []byte("x"), 0, time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	v, err := store.Save(t.Context(), "key", []byte("y"), 0, time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if data, version, err := store.Load(t.Context(), "key"); string(data) != "y" || version != v || err != nil {
		t.Errorf("Load: %q, %d, %v", data, version, err)
	}
	if _, err := store.Save(t.Context(), "key", []byte("z"), v, time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if n, err := store.Sweep(t.Context()); n != 1 || err != nil {
		t.Errorf("Sweep: %d, %v", n, err)
	}
}

func TestSweep(t *testing.T) {
	dialects(t, func(t *testing.T, db *sql.DB, d sqlstore.Dialect) {
		store := newSQL(t, db, d)
		const expired, alive = 2500, 10 // more than two batches
		rows := make([]string, expired+alive)
		for i := range rows {
			expires := time.Now().Add(-time.Minute)
			if i >= expired {
				expires = time.Now().Add(time.Hour)
			}
			rows[i] = fmt.Sprintf("('%d', 'x', 1, %d)", i, expires.UnixMilli())
		}
		execute(t, db, "INSERT INTO "+sqlstore.DefaultTable+" (id, data, version, expires) VALUES "+strings.Join(rows, ", "))
		if n, err := store.Sweep(t.Context()); n != expired || err != nil {
			t.Errorf("Sweep: %d, %v; want %d", n, err, expired)
		}
		var left int
		if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM "+sqlstore.DefaultTable).Scan(&left); err != nil || left != alive {
			t.Errorf("%d rows are left (%v), want %d", left, err, alive)
		}
		if n, err := store.Sweep(t.Context()); n != 0 || err != nil {
			t.Errorf("Sweep again: %d, %v", n, err)
		}
	})
}

// Two processes with a file of SQLite between them, as two handles are.
func TestSQLiteOfTwoProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sessions.db")
	one := newSQL(t, openSQLiteFile(t, path), sqlstore.SQLite)
	two := newSQL(t, openSQLiteFile(t, path), sqlstore.SQLite)
	v, err := one.Save(t.Context(), "key", []byte("one"), 0, time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if err := two.Delete(t.Context(), "key"); err != nil {
		t.Fatal(err)
	}
	if _, err := one.Save(t.Context(), "key", []byte("again"), v, time.Now().Add(time.Hour)); err == nil {
		t.Error("what another process deleted was brought back")
	}
}
