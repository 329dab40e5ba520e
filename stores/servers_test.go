package stores_test

import (
	"cmp"
	"context"
	"database/sql"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"crypto/rand"

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
// names are.
func openPostgres(t *testing.T) *sql.DB {
	t.Helper()
	needServers(t)
	dsn := cmp.Or(os.Getenv("SLUICE_TEST_POSTGRES"), "postgres://postgres@127.0.0.1:5432/test")
	admin, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { admin.Close() })
	schema := "sluice_" + strings.ToLower(rand.Text()[:12])
	execute(t, admin, "CREATE SCHEMA "+schema)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if _, err := admin.ExecContext(ctx, "DROP SCHEMA "+schema+" CASCADE"); err != nil {
			t.Error(err)
		}
	})
	separator := "?"
	if strings.Contains(dsn, "?") {
		separator = "&"
	}
	db, err := sql.Open("pgx", dsn+separator+"search_path="+schema)
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
