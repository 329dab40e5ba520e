package sqlauth

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/sluicehq/sluice/channels/internal/sqldb"
	"github.com/sluicehq/sluice/channels/sessions/sqlstore"
)

// Statements, with TICKETS and REVOCATIONS for the tables' names, and NOW for the
// milliseconds since 1970 by the database's clock.
const (
	schemaText = `CREATE TABLE IF NOT EXISTS TICKETS (
	id TEXT PRIMARY KEY,
	data BLOB NOT NULL,
	expires BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS TICKETS_expires ON TICKETS (expires);
CREATE TABLE IF NOT EXISTS REVOCATIONS (
	tag TEXT PRIMARY KEY,
	ended BIGINT NOT NULL,
	expires BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS REVOCATIONS_expires ON REVOCATIONS (expires);
`
	putText  = `INSERT INTO TICKETS (id, data, expires) VALUES ($1, $2, NOW + $3)`
	takeText = `DELETE FROM TICKETS WHERE id = $1 AND expires > NOW RETURNING data`

	// The later of two is kept, whichever comes first.
	revokeText = `INSERT INTO REVOCATIONS (tag, ended, expires) VALUES ($1, $2, $3)
ON CONFLICT (tag) DO UPDATE SET ended = excluded.ended, expires = excluded.expires
WHERE REVOCATIONS.ended <= excluded.ended`

	revokedText = `SELECT tag, ended FROM REVOCATIONS WHERE expires > $1 AND tag IN `

	// With the LIMIT of sqldb.SweepBatch.
	sweepTicketsText     = `DELETE FROM TICKETS WHERE id IN (SELECT id FROM TICKETS WHERE expires <= NOW LIMIT 1000)`
	sweepRevocationsText = `DELETE FROM REVOCATIONS WHERE tag IN (SELECT tag FROM REVOCATIONS WHERE expires <= $1 LIMIT 1000)`
)

// statements are those of one store.
type statements struct {
	schema, put, take, revoke, revokedHead string
	sweepTickets, sweepRevocations         string
	mark                                   string // of a parameter
}

var (
	prefixName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,39}$`)
	words      = regexp.MustCompile(`\b(TICKETS_expires|REVOCATIONS_expires|TICKETS|REVOCATIONS|NOW|BLOB)\b|\$`)
)

func statementsOf(dialect sqlstore.Dialect, prefix string) (statements, error) {
	words, err := wordsOf(dialect, prefix)
	if err != nil {
		return statements{}, err
	}
	return statements{
		schema:           words.put(schemaText),
		put:              words.put(putText),
		take:             words.put(takeText),
		revoke:           words.put(revokeText),
		revokedHead:      words.put(revokedText),
		sweepTickets:     words.put(sweepTicketsText),
		sweepRevocations: words.put(sweepRevocationsText),
		mark:             words["$"],
	}, nil
}

// vocabulary is what stands for the words of the statements.
type vocabulary map[string]string

func wordsOf(dialect sqlstore.Dialect, prefix string) (vocabulary, error) {
	unqualified, ok := sqldb.Unqualified(prefix, prefixName, dialect == sqlstore.PostgreSQL)
	if !ok {
		return nil, fmt.Errorf("sqlauth: prefix %q: use letters, digits and _, and with PostgreSQL a schema and a dot in front", prefix)
	}
	v := vocabulary{
		"TICKETS":             prefix + "tickets",
		"REVOCATIONS":         prefix + "revocations",
		"TICKETS_expires":     unqualified + "tickets_expires",
		"REVOCATIONS_expires": unqualified + "revocations_expires",
	}
	switch dialect {
	case sqlstore.PostgreSQL:
		v["BLOB"], v["$"] = "BYTEA", "$"
		v["NOW"] = "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"
	case sqlstore.SQLite:
		v["BLOB"], v["$"] = "BLOB", "?"
		v["NOW"] = "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"
	default:
		return nil, errors.New("sqlauth: unknown dialect: use sqlstore.PostgreSQL or sqlstore.SQLite")
	}
	return v, nil
}

func (v vocabulary) put(text string) string {
	return words.ReplaceAllStringFunc(text, func(word string) string { return v[word] })
}

// revoked returns the query for n tags.
func (s *statements) revoked(n int) string { return s.revokedHead + sqldb.In(s.mark, 2, n) }
