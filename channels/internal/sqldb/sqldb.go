// Package sqldb is what the stores in SQL databases have in common.
package sqldb

import (
	"context"
	"database/sql"
	"regexp"
	"strconv"
	"strings"
)

// Exec runs a statement, with Retry, and returns how many rows it affected.
func Exec(ctx context.Context, db *sql.DB, statement string, args ...any) (n int64, err error) {
	err = Retry(ctx, db, func(q Querier) error {
		res, err := q.ExecContext(ctx, statement, args...)
		if err != nil {
			return err
		}
		n, err = res.RowsAffected()
		return err
	})
	return n, err
}

// SweepBatch is the LIMIT of a statement for Sweep: no lock is held for long.
const SweepBatch = 1000

// Sweep runs a statement that deletes up to SweepBatch rows until none is left, and
// returns how many there were, also with an error.
func Sweep(ctx context.Context, db *sql.DB, statement string, args ...any) (deleted int64, err error) {
	for {
		n, err := Exec(ctx, db, statement, args...)
		if err != nil {
			return deleted, err
		}
		deleted += n
		if n < SweepBatch {
			return deleted, nil
		}
	}
}

// MaxIn is how many values are looked up by one statement.
const MaxIn = 500

// In returns what follows IN for n parameters, counted from first, with mark in front of
// their numbers: ($2, $3).
func In(mark string, first, n int) string {
	var b strings.Builder
	b.WriteByte('(')
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(mark)
		b.WriteString(strconv.Itoa(first + i))
	}
	b.WriteByte(')')
	return b.String()
}

var schemaName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,62}$`)

// Unqualified returns name without the schema and the dot in front, which it may have if
// schemas is true, and reports whether it matches valid, and the schema is a name.
func Unqualified(name string, valid *regexp.Regexp, schemas bool) (string, bool) {
	schema, rest, qualified := strings.Cut(name, ".")
	if !qualified {
		return name, valid.MatchString(name)
	}
	return rest, schemas && schemaName.MatchString(schema) && valid.MatchString(rest)
}
