package stores_test

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"
)

// needServers skips a test where there are to be no servers.
func needServers(t *testing.T) {
	t.Helper()
	if os.Getenv("SLUICE_TEST_OFFLINE") == "1" {
		t.Skip("SLUICE_TEST_OFFLINE is 1")
	}
}

// openPostgres opens a schema of the test's own in PostgreSQL, where unqualified
// names are. More parameters of the connections may be given, "name=value".
func openPostgres(t *testing.T, parameters ...string) *sql.DB {
	t.Helper()
	schema := postgresSchema(t)
	return connectPostgres(t, append(parameters, "search_path="+schema)...)
}

// postgresSchema makes a schema for the time of the test, and returns its name.
func postgresSchema(t *testing.T) string {
	t.Helper()
	db := connectPostgres(t)
	schema := "sluice_" + strings.ToLower(rand.Text()[:12])
	execute(t, db, "CREATE SCHEMA "+schema)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if _, err := db.ExecContext(ctx, "DROP SCHEMA "+schema+" CASCADE"); err != nil {
			t.Error(err)
		}
	})
	return schema
}

func connectPostgres(t *testing.T, parameters ...string) *sql.DB {
	t.Helper()
	needServers(t)
	dsn := cmp.Or(os.Getenv("SLUICE_TEST_POSTGRES"), "postgres://postgres@127.0.0.1:5432/test")
	for _, parameter := range parameters {
		separator := "?"
		if strings.Contains(dsn, "?") {
			separator = "&"
		}
		dsn += separator + parameter
	}
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(16)
	return db
}

// openSQLite opens a database in a file, as an application would.
func openSQLite(t *testing.T) *sql.DB {
	t.Helper()
	return openSQLiteFile(t, filepath.Join(t.TempDir(), "sessions.db"))
}

func openSQLiteFile(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// redisAddr returns where Redis listens, having seen that it does.
func redisAddr(t *testing.T) string {
	t.Helper()
	needServers(t)
	addr := cmp.Or(os.Getenv("SLUICE_TEST_REDIS"), "127.0.0.1:6379")
	conn, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		t.Fatalf("Redis: %v", err)
	}
	conn.Close()
	return addr
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
