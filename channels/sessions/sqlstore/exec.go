package sqlstore

import (
	"context"

	"github.com/sluicehq/sluice/channels/internal/sqlretry"
)

// exec runs a statement and returns how many rows it affected.
func (s *Store) exec(ctx context.Context, query string, args ...any) (n int64, err error) {
	err = sqlretry.Do(ctx, s.db, func(db sqlretry.Querier) error {
		res, err := db.ExecContext(ctx, query, args...)
		if err != nil {
			return err
		}
		n, err = res.RowsAffected()
		return err
	})
	return n, err
}
