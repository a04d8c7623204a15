package store

import (
	"context"
	"database/sql"
	"fmt"
)

// auditColumns stand in the order of [Entry.values].
const auditColumns = "time, request, fleet, cluster, identity, serial, head, revision, digest, outcome, placement, object, keys, operations"

const auditWidth = 14

// auditRows is how many rows go into one statement: SQLite admits 32,766
// parameters, and a statement's cost is mostly its preparation.
const auditRows = 100

func (e Entry) values() []any {
	return []any{stamp(e.Time), e.Request, e.Fleet, e.Cluster, e.Identity, e.Serial, e.Head, e.Revision, e.Digest, e.Outcome, e.Placement, e.Object, e.Keys, e.Operations}
}

// Record writes all entries or none. When it returns nil they are on disk.
func (s *DB) Record(ctx context.Context, entries []Entry) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		for len(entries) > 0 {
			n := min(len(entries), auditRows)
			if err := insertEntries(ctx, tx, entries[:n]); err != nil {
				return err
			}
			entries = entries[n:]
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("record decisions: %w", err)
	}
	return nil
}

func insertEntries(ctx context.Context, tx *sql.Tx, entries []Entry) error {
	values := make([]any, 0, len(entries)*auditWidth)
	for _, e := range entries {
		values = append(values, e.values()...)
	}
	_, err := tx.ExecContext(ctx, "INSERT INTO audit ("+auditColumns+") VALUES "+places(len(entries), auditWidth), values...) //nolint:gosec // names and numbers only
	return err
}

// Entries returns the newest n audit rows, newest first.
func (s *DB) Entries(ctx context.Context, n int) ([]Entry, error) {
	rows, err := s.reads.QueryContext(ctx, "SELECT "+auditColumns+" FROM audit ORDER BY id DESC LIMIT $1", n)
	if err != nil {
		return nil, fmt.Errorf("read decisions: %w", err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err has what matters
	var entries []Entry
	for rows.Next() {
		var e Entry
		var at int64
		if err := rows.Scan(&at, &e.Request, &e.Fleet, &e.Cluster, &e.Identity, &e.Serial, &e.Head, &e.Revision,
			&e.Digest, &e.Outcome, &e.Placement, &e.Object, &e.Keys, &e.Operations); err != nil {
			return nil, fmt.Errorf("read decisions: %w", err)
		}
		e.Time = unstamp(at)
		entries = append(entries, e)
	}
	return entries, rows.Err()
}
