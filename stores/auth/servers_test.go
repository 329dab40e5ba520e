package auth_test

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"
)

// openPostgres opens a schema of the test's own, where unqualified names are. More
// parameters of the connections may be given, "name=value".
func openPostgres(t *testing.T, parameters ...string) *sql.DB {
	t.Helper()
	if os.Getenv("SLUICE_TEST_OFFLINE") == "1" {
		t.Skip("SLUICE_TEST_OFFLINE is 1")
	}
	dsn := cmp.Or(os.Getenv("SLUICE_TEST_POSTGRES"), "postgres://postgres@127.0.0.1:5432/test")
	admin := open(t, "pgx", dsn)
	schema := "sluice_auth_" + strings.ToLower(rand.Text()[:12])
	execute(t, admin, "CREATE SCHEMA "+schema)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if _, err := admin.ExecContext(ctx, "DROP SCHEMA "+schema+" CASCADE"); err != nil {
			t.Error(err)
		}
	})
	for _, parameter := range append(parameters, "search_path="+schema) {
		separator := "?"
		if strings.Contains(dsn, "?") {
			separator = "&"
		}
		dsn += separator + parameter
	}
	db := open(t, "pgx", dsn)
	db.SetMaxOpenConns(16)
	return db
}

// openSQLite opens a database in a file, as an application would.
func openSQLite(t *testing.T) *sql.DB {
	t.Helper()
	path := filepath.Join(t.TempDir(), "auth.db")
	return open(t, "sqlite", "file:"+path+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)")
}

func open(t *testing.T, driver, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func execute(t *testing.T, db *sql.DB, statements string) {
	t.Helper()
	for statement := range strings.SplitSeq(statements, ";") {
		if strings.TrimSpace(statement) == "" {
			continue
		}
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}
