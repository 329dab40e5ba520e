package stores_test

import (
	"testing"

	"github.com/alexedwards/scs/postgresstore"
	"github.com/alexedwards/scs/redisstore"
	scsv2 "github.com/alexedwards/scs/v2"
	"github.com/alexedwards/scs/v2/memstore"
	"github.com/gomodule/redigo/redis"

	"github.com/sluicehq/sluice/channels/sessions"
	"github.com/sluicehq/sluice/channels/wstest"
)

// What scs calls a store, FromSCS takes.
func fromSCS(store scsv2.Store) wstest.Store { return sessions.FromSCS(store) }

func newRedis(t *testing.T) scsv2.Store {
	addr := redisAddr(t)
	pool := &redis.Pool{MaxIdle: 16, Dial: func() (redis.Conn, error) { return redis.Dial("tcp", addr) }}
	t.Cleanup(func() { pool.Close() })
	prefix := "sluice-test:" + t.Name() + ":"
	t.Cleanup(func() {
		conn := pool.Get()
		defer conn.Close()
		keys, err := redis.Strings(conn.Do("KEYS", prefix+"*"))
		for _, key := range keys {
			if err == nil {
				_, err = conn.Do("DEL", key)
			}
		}
		if err != nil {
			t.Error(err)
		}
	})
	return redisstore.NewWithPrefix(pool, prefix)
}

func newPostgres(t *testing.T) scsv2.Store {
	db := openPostgres(t)
	execute(t, db, `CREATE TABLE sessions (token TEXT PRIMARY KEY, data BYTEA NOT NULL, expiry TIMESTAMPTZ NOT NULL);
		CREATE INDEX sessions_expiry_idx ON sessions (expiry)`)
	return postgresstore.NewWithCleanupInterval(db, 0)
}

func TestSCSStores(t *testing.T) {
	for name, newStore := range map[string]func(t *testing.T) scsv2.Store{
		"redisstore":    newRedis,
		"postgresstore": newPostgres,
		"memstore":      func(*testing.T) scsv2.Store { return memstore.NewWithCleanupInterval(0) },
	} {
		t.Run(name, func(t *testing.T) {
			store := fromSCS(newStore(t))
			wstest.TestStore(t, func(*testing.T) wstest.Store { return store }, &wstest.StoreOptions{LastWriterWins: true})
		})
	}
}
