package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"

	_ "modernc.org/sqlite"

	"github.com/sluicehq/sluice/channels/auth"
	"github.com/sluicehq/sluice/channels/auth/sqlauth"
	"github.com/sluicehq/sluice/channels/sessions/sqlstore"
)

// A database is what the processes share: sessions, revocations, accounts, and what was
// said. With processes on several machines it is PostgreSQL, where this is a file.
type database struct {
	*sql.DB
	passwords auth.Passwords
}

// An account is a user. Who changes the password ends the logins made with the old one.
type account struct {
	Name string
	hash string
}

// UserID implements auth.Identity.
func (a account) UserID() string { return a.Name }

// SessionStamp changes with the password.
func (a account) SessionStamp() string { return a.hash }

// accountsToTry are made at the start, by name, with their passwords.
var accountsToTry = map[string]string{"alice": "alice-demo", "bob": "bob-demo"}

func openDatabase(path string) (*database, error) {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)")
	return &database{DB: db}, err
}

// createDatabase makes the tables and the accounts.
func createDatabase(path string) error {
	db, err := openDatabase(path)
	if err != nil {
		return err
	}
	defer db.Close()
	store, err := sqlstore.New(db.DB, sqlstore.SQLite)
	if err != nil {
		return err
	}
	revoked, err := sqlauth.New(db.DB, sqlstore.SQLite)
	if err != nil {
		return err
	}
	ctx := context.Background()
	for _, schema := range []string{store.Schema(), revoked.Schema(), `
		CREATE TABLE accounts (name TEXT PRIMARY KEY, hash TEXT NOT NULL);
		CREATE TABLE said (id INTEGER PRIMARY KEY AUTOINCREMENT, user TEXT NOT NULL, text TEXT NOT NULL);`} {
		if _, err := db.ExecContext(ctx, schema); err != nil {
			return err
		}
	}
	for name, password := range accountsToTry {
		hash, err := db.passwords.Hash(ctx, password)
		if err != nil {
			return err
		}
		if _, err := db.ExecContext(ctx, `INSERT INTO accounts VALUES (?, ?)`, name, hash); err != nil {
			return err
		}
	}
	return nil
}

// Authenticate implements auth.Backend. It takes as long for an unknown name as for a
// wrong password.
func (db *database) Authenticate(ctx context.Context, c auth.Credentials) (account, error) {
	a := account{Name: c.Username}
	err := db.QueryRowContext(ctx, `SELECT hash FROM accounts WHERE name = ?`, a.Name).Scan(&a.hash)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return account{}, err
	}
	right, err := db.passwords.Verify(ctx, a.hash, c.Password, nil)
	if err != nil {
		return account{}, err
	}
	if !right {
		return account{}, auth.ErrDenied
	}
	return a, nil
}

// ByIDs implements auth.Backend.
func (db *database) ByIDs(ctx context.Context, ids []string) (map[string]account, error) {
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	rows, err := db.QueryContext(ctx, `SELECT name, hash FROM accounts WHERE name IN (SELECT value FROM json_each(?))`, string(list))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := map[string]account{}
	for rows.Next() {
		var a account
		if err := rows.Scan(&a.Name, &a.hash); err != nil {
			return nil, err
		}
		found[a.Name] = a
	}
	return found, rows.Err()
}

// say keeps what a user says, and returns its number.
func (db *database) say(ctx context.Context, user, text string) (id int64, err error) {
	err = db.QueryRowContext(ctx, `INSERT INTO said (user, text) VALUES (?, ?) RETURNING id`, user, text).Scan(&id)
	return id, err
}

// recent returns what was said last, the oldest first.
func (db *database) recent(ctx context.Context) ([]said, error) {
	rows, err := db.QueryContext(ctx, `SELECT id, user, text FROM said ORDER BY id DESC LIMIT 50`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []said
	for rows.Next() {
		m := said{Type: "said"}
		if err := rows.Scan(&m.ID, &m.User, &m.Text); err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	slices.Reverse(list)
	return list, rows.Err()
}
