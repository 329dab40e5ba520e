package sqlstore

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/sluicehq/sluice/channels/internal/sqldb"
)

// A Dialect is a database's way of saying things.
type Dialect int

// The dialects.
const (
	PostgreSQL Dialect = iota + 1 // 9.5 or later
	SQLite                        // 3.24 or later
)

func (d Dialect) String() string {
	switch d {
	case PostgreSQL:
		return "PostgreSQL"
	case SQLite:
		return "SQLite"
	}
	return fmt.Sprintf("Dialect(%d)", int(d))
}

// Statements, with the table's name for T and the binary type for BLOB. The times are
// milliseconds since 1970, by the clock of the application, not of the database: so
// that a test's clock counts, and an index serves.
const (
	schemaText = `CREATE TABLE IF NOT EXISTS T (
	id TEXT PRIMARY KEY,
	data BLOB NOT NULL,
	version BIGINT NOT NULL,
	expires BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS T_expires ON T (expires);
`
	loadText = `SELECT data, version FROM T WHERE id = $1 AND expires > $2`

	loadManyText = `SELECT id, data FROM T WHERE expires > $1 AND id IN `

	// A row that has expired is as good as none, and is overwritten.
	createText = `INSERT INTO T (id, data, version, expires) VALUES ($1, $2, $3, $4)
ON CONFLICT (id) DO UPDATE SET data = excluded.data, version = excluded.version, expires = excluded.expires
WHERE T.expires <= $5`

	updateText = `UPDATE T SET data = $1, version = $2, expires = $3
WHERE id = $4 AND version = $5 AND expires > $6`

	deleteText = `DELETE FROM T WHERE id = $1`

	// With the LIMIT of sqldb.SweepBatch.
	sweepText = `DELETE FROM T WHERE id IN (SELECT id FROM T WHERE expires <= $1 LIMIT 1000)`
)

// Statements of one store.
type statements struct {
	schema, load, create, update, delete, sweep string

	loadManyHead string
	mark         string // of a parameter
}

// loadMany returns the query for n sessions.
func (s *statements) loadMany(n int) string { return s.loadManyHead + sqldb.In(s.mark, 2, n) }

// A table's name, with room for that of its index in PostgreSQL's 63 bytes.
var tableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,54}$`)

var tableWord = regexp.MustCompile(`\bT\b`)

func (d Dialect) statements(table string) (statements, error) {
	blob := ""
	switch d {
	case PostgreSQL:
		blob = "BYTEA"
	case SQLite:
		blob = "BLOB"
	default:
		return statements{}, errors.New("sqlstore: unknown dialect: use PostgreSQL or SQLite")
	}
	unqualified, ok := sqldb.Unqualified(table, tableName, d == PostgreSQL)
	if !ok {
		return statements{}, fmt.Errorf("sqlstore: table name %q: use letters, digits and _, and with PostgreSQL a schema and a dot in front", table)
	}
	put := func(text string) string {
		if d == SQLite {
			text = strings.ReplaceAll(text, "$", "?")
		}
		return tableWord.ReplaceAllString(text, table)
	}
	definition := strings.ReplaceAll(schemaText, "BLOB", blob)
	definition = strings.ReplaceAll(definition, "T_expires", unqualified+"_expires")
	return statements{
		loadManyHead: put(loadManyText),
		mark:         put("$"),

		schema: put(definition),
		load:   put(loadText),
		create: put(createText),
		update: put(updateText),
		delete: put(deleteText),
		sweep:  put(sweepText),
	}, nil
}
