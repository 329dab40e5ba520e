// Package sqlauth keeps tickets, and what was revoked, in PostgreSQL or SQLite, for
// applications of more than one process. It works over database/sql with whatever
// driver the application has:
//
//	store, err := sqlauth.New(db, sqlstore.PostgreSQL)
//	…
//	tickets := &auth.Tickets{Store: store}
//	gate := &auth.Gate[Account]{Revocations: store, …}
//
// The two tables are the application's to make: [Store.Schema] prints their definition,
// for a migration. What has expired is not found any more, and takes up space until
// [Store.Sweep] is called: every hour or so, from one process or from all. SQLite must be
// 3.35 or later.
package sqlauth
