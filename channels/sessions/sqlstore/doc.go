// Package sqlstore keeps sessions in a table of PostgreSQL or SQLite, over
// database/sql and whatever driver the application has:
//
//	store, err := sqlstore.New(db, sqlstore.PostgreSQL)
//	…
//	sess := &sessions.Manager{Store: store}
//
// The table is the application's to make: [Store.Schema] prints its definition, for
// a migration. It has no foreign keys and can be emptied at any time, which logs
// everybody out.
//
// A session that has expired is not found any more, and takes up space until
// [Store.Sweep] is called: every hour or so, from one process or from all.
//
// SQLite allows one writer at a time, and lets the others fail at once unless told
// to wait: open the database with a busy timeout of some seconds, and in WAL mode
// so that readers need not wait ("?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)"
// with modernc.org/sqlite).
package sqlstore
