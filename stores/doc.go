// Package stores proves the session stores of Sluice on real databases: PostgreSQL
// and SQLite through package sqlstore, Redis and PostgreSQL through the stores of
// github.com/alexedwards/scs. It has tests only. They keep what is in the databases
// apart from theirs, and take their tables away when they are done.
//
// The tests need PostgreSQL and Redis, and fail without them:
//
//	SLUICE_TEST_POSTGRES  a connection string; postgres://postgres@127.0.0.1:5432/test when unset
//	SLUICE_TEST_REDIS     an address; 127.0.0.1:6379 when unset
//	SLUICE_TEST_OFFLINE   1 skips what needs either of them
package stores
