package auth_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/auth"
	"github.com/sluicehq/sluice/channels/auth/sqlauth"
	"github.com/sluicehq/sluice/channels/sessions/sqlstore"
)

var (
	_ auth.TicketStore = (*sqlauth.Store)(nil)
	_ auth.Revocations = (*sqlauth.Store)(nil)
)

// dialects runs a test on each database.
func dialects(t *testing.T, f func(t *testing.T, db *sql.DB, d sqlstore.Dialect)) {
	t.Run("PostgreSQL", func(t *testing.T) { f(t, openPostgres(t), sqlstore.PostgreSQL) })
	t.Run("SQLite", func(t *testing.T) { f(t, openSQLite(t), sqlstore.SQLite) })
}

// strict runs a test also on a PostgreSQL that was told to be stricter than by default:
// what it then refuses because of another transaction is tried again.
func strict(t *testing.T, f func(t *testing.T, db *sql.DB, d sqlstore.Dialect)) {
	dialects(t, f)
	t.Run("PostgreSQL, serializable", func(t *testing.T) {
		db := openPostgres(t, "default_transaction_isolation=serializable")
		var level string
		if err := db.QueryRowContext(t.Context(), "SHOW transaction_isolation").Scan(&level); err != nil || level != "serializable" {
			t.Fatalf("isolation %q, %v", level, err)
		}
		f(t, db, sqlstore.PostgreSQL)
	})
}

// newStore returns a store whose tables have been made by its own schema, twice: that
// they are there already is no error.
func newStore(t *testing.T, db *sql.DB, d sqlstore.Dialect) *sqlauth.Store {
	t.Helper()
	store, err := sqlauth.New(db, d)
	if err != nil {
		t.Fatal(err)
	}
	execute(t, db, store.Schema())
	execute(t, db, store.Schema())
	return store
}

func TestTicket(t *testing.T) {
	dialects(t, func(t *testing.T, db *sql.DB, d sqlstore.Dialect) {
		store, ctx := newStore(t, db, d), t.Context()
		data := []byte{0, 1, 0xff, '\''}
		if err := store.Put(ctx, "ticket:a", data, time.Minute); err != nil {
			t.Fatal(err)
		}
		if err := store.Put(ctx, "ticket:a", data, time.Minute); err == nil {
			t.Error("a key was given twice")
		}
		for _, key := range []string{"ticket:b", "ticket:A", ""} {
			if got, err := store.Take(ctx, key); got != nil || err != nil {
				t.Errorf("Take(%q): %q, %v", key, got, err)
			}
		}
		got, err := store.Take(ctx, "ticket:a")
		if !bytes.Equal(got, data) || err != nil {
			t.Errorf("Take: %q, %v, want %q", got, err, data)
		}
		if got, err := store.Take(ctx, "ticket:a"); got != nil || err != nil {
			t.Errorf("T1 the second Take: %q, %v, want nothing", got, err)
		}
	})
}

// T3: a ticket ends by the database's clock.
func TestTicketTime(t *testing.T) {
	dialects(t, func(t *testing.T, db *sql.DB, d sqlstore.Dialect) {
		store, ctx := newStore(t, db, d), t.Context()
		for key, ttl := range map[string]time.Duration{"over": -time.Millisecond, "now": 0, "good": time.Hour} {
			if err := store.Put(ctx, key, []byte("x"), ttl); err != nil {
				t.Fatal(err)
			}
		}
		for key, good := range map[string]bool{"over": false, "now": false, "good": true} {
			if got, err := store.Take(ctx, key); err != nil || (got != nil) != good {
				t.Errorf("%s: %q, %v", key, got, err)
			}
		}
		if n, err := store.Sweep(ctx); n != 2 || err != nil {
			t.Errorf("Sweep: %d, %v, want the 2 that are over", n, err)
		}
	})
}

// T2: of many servers that are shown a ticket at once, one lets it in.
func TestTicketOnce(t *testing.T) {
	strict(t, func(t *testing.T, db *sql.DB, d sqlstore.Dialect) {
		store := newStore(t, db, d)
		servers := make([]*auth.Tickets, 4)
		for i := range servers {
			servers[i] = &auth.Tickets{Store: store}
		}
		for round := range 5 {
			ctx := auth.WithNobody[user](t.Context())
			gate := &auth.Gate[user]{Backends: []auth.Backend[user]{users{}}}
			if err := gate.Adopt(ctx, user(strconv.Itoa(round))); err != nil {
				t.Fatal(err)
			}
			ticket, err := servers[0].Issue(ctx, "chat")
			if err != nil {
				t.Fatal(err)
			}
			var winners atomic.Int32
			var wg sync.WaitGroup
			for i := range 100 {
				wg.Go(func() {
					grant, err := servers[i%len(servers)].Redeem(t.Context(), ticket, "chat")
					switch {
					case err == nil && grant.UserID == strconv.Itoa(round):
						winners.Add(1)
					case !errors.Is(err, auth.ErrDenied):
						t.Errorf("Redeem: %v, %v", grant, err)
					}
				})
			}
			wg.Wait()
			if n := winners.Load(); n != 1 {
				t.Errorf("%d of 100 were let in, want 1", n)
			}
		}
	})
}

func TestRevocations(t *testing.T) {
	strict(t, func(t *testing.T, db *sql.DB, d sqlstore.Dialect) {
		store, ctx := newStore(t, db, d), t.Context()
		now := time.Now().Truncate(time.Millisecond)
		later := now.Add(time.Hour)
		for _, r := range []struct {
			tag       string
			at, until time.Time
		}{
			{"user:1", now.Add(-time.Minute), later},
			{"user:1", now, later},
			{"user:1", now.Add(-time.Second), later}, // arrives late
			{"session:O'Brien", now, later},
			{"user:over", now, now.Add(-time.Millisecond)},
		} {
			if err := store.Revoke(ctx, r.tag, r.at, r.until); err != nil {
				t.Fatal(err)
			}
		}
		tags := []string{"user:1", "session:O'Brien", "user:over", "user:2"}
		for i := range 1996 {
			tags = append(tags, fmt.Sprintf("user:other%d", i))
		}
		ended, err := store.Revoked(ctx, tags)
		if err != nil {
			t.Fatal(err)
		}
		if len(ended) != 2 || !ended["user:1"].Equal(now) || !ended["session:O'Brien"].Equal(now) {
			t.Errorf("Revoked: %v, want user:1 and session:O'Brien at %v", ended, now)
		}
		if n, err := store.Sweep(ctx); n != 1 || err != nil {
			t.Errorf("Sweep: %d, %v, want the one that is over", n, err)
		}
	})
}

// Of many servers that revoke and ask at the same time none fails, and the latest time is
// kept; so it is of many tickets that come and go.
func TestManyAtOnce(t *testing.T) {
	strict(t, func(t *testing.T, db *sql.DB, d sqlstore.Dialect) {
		store, ctx := newStore(t, db, d), t.Context()
		start := time.Now().Truncate(time.Millisecond)
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				for n := range 10 {
					at := start.Add(time.Duration(i*10+n) * time.Second)
					if err := store.Revoke(ctx, "user:1", at, at.Add(time.Hour)); err != nil {
						t.Errorf("Revoke: %v", err)
					}
					if _, err := store.Revoked(ctx, []string{"user:1", "user:2"}); err != nil {
						t.Errorf("Revoked: %v", err)
					}
					key := fmt.Sprintf("ticket:%d.%d", i, n)
					if err := store.Put(ctx, key, []byte(key), time.Minute); err != nil {
						t.Errorf("Put: %v", err)
					}
					if data, err := store.Take(ctx, key); string(data) != key || err != nil {
						t.Errorf("Take: %q, %v", data, err)
					}
				}
			})
		}
		wg.Wait()
		ended, err := store.Revoked(ctx, []string{"user:1"})
		if want := start.Add(159 * time.Second); err != nil || !ended["user:1"].Equal(want) {
			t.Errorf("Revoked: %v, %v, want %v", ended, err, want)
		}
	})
}

// What is revoked by one server is revoked on the others.
func TestRevokedElsewhere(t *testing.T) {
	dialects(t, func(t *testing.T, db *sql.DB, d sqlstore.Dialect) {
		store, ctx := newStore(t, db, d), t.Context()
		newGate := func() *auth.Gate[user] {
			return &auth.Gate[user]{Backends: []auth.Backend[user]{users{}}, Revocations: store}
		}
		here, there := newGate(), newGate()
		token := auth.Grant{UserID: "7", Issued: time.Now().Add(-time.Second)}
		connection := channels.ContextWithScope(ctx, channels.NewScope("chat", ""))
		if err := there.AdoptGrant(connection, token); err != nil {
			t.Fatal(err)
		}
		if err := here.RevokeUser(ctx, "7"); err != nil {
			t.Fatal(err)
		}
		if err := there.AdoptGrant(connection, token); !errors.Is(err, auth.ErrDenied) {
			t.Errorf("a token issued before the revocation: %v, want ErrDenied", err)
		}
		scope, _ := channels.ScopeFrom(connection)
		verdicts := scope.Guards()[0].Rechecker.Recheck(ctx, []*channels.Scope{scope})
		if len(verdicts) != 1 || channels.CloseStatus(verdicts[0]) != channels.StatusUnauthorized {
			t.Errorf("recheck of an open connection: %v, want 3000", verdicts)
		}
	})
}

// A user is an ID; users has everybody.
type user string

func (u user) UserID() string { return string(u) }

type users struct{}

func (users) Authenticate(context.Context, auth.Credentials) (user, error) {
	return "", auth.ErrNotMine
}

func (users) ByIDs(_ context.Context, ids []string) (map[string]user, error) {
	found := make(map[string]user)
	for _, id := range ids {
		found[id] = user(id)
	}
	return found, nil
}
