package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/bulla-dev/bulla/keyservice/store/engine"
)

// AddPending leaves an entry for the log of a fleet. It is for programs that
// change the store beside the service and cannot sign: the next append takes it
// into the log before its own entries, so what depends on the change is recorded
// after it.
func (s logRows) AddPending(fleet string, entry []byte) Change {
	return func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO pending (fleet, entry) VALUES ($1, $2)", fleet, entry)
		return err
	}
}

// HasPending reports whether another program left entries.
func (s logRows) HasPending(ctx context.Context, fleet string) (bool, error) {
	var n int
	err := s.db.Reads.QueryRowContext(ctx, "SELECT count(*) FROM (SELECT 1 AS one FROM pending WHERE fleet = $1 LIMIT 1) "+
		"AS first", fleet).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("read entries of other programs: %w", err)
	}
	return n > 0, nil
}

// takePending returns the oldest entries that wait, and their ids.
func takePending(ctx context.Context, tx *sql.Tx, fleet string) (entries [][]byte, ids []any, err error) {
	rows, err := tx.QueryContext(ctx, "SELECT id, entry FROM pending WHERE fleet = $1 ORDER BY id LIMIT $2", fleet,
		pendingRows)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close() //nolint:errcheck // rows.Err has what matters
	for rows.Next() {
		var id int64
		var entry []byte
		if err := rows.Scan(&id, &entry); err != nil {
			return nil, nil, err
		}
		entries, ids = append(entries, entry), append(ids, id)
	}
	return entries, ids, rows.Err()
}

// dropPending names every row: another program may commit a lower id late.
func dropPending(ctx context.Context, tx *sql.Tx, ids []any) error {
	if len(ids) == 0 {
		return nil
	}
	//nolint:gosec // numbers only
	_, err := tx.ExecContext(ctx, "DELETE FROM pending WHERE id IN "+engine.Places(1, len(ids)), ids...)
	return err
}
