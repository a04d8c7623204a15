package store

import (
	"context"
	"database/sql"
	"fmt"
)

// putState keeps a report's state in the place of the one before; a report
// without one leaves that as it is.
func putState(ctx context.Context, tx *sql.Tx, r LedgerReport) error {
	if r.State == nil {
		return nil
	}
	_, err := tx.ExecContext(ctx, putStateSQL, r.Fleet, r.Cluster, r.State)
	return err
}

// States returns what clusters said of themselves last, by name; of one cluster
// only if it is named.
func (s ledgerRows) States(ctx context.Context, fleet, cluster string) (map[string][]byte, error) {
	rows, err := s.db.Reads.QueryContext(ctx,
		"SELECT cluster, state FROM cluster_states WHERE fleet = $1 AND ($2 = '' OR "+
			"cluster = $2)", fleet, cluster)
	if err != nil {
		return nil, fmt.Errorf("read states of clusters: %w", err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err has what matters
	states := map[string][]byte{}
	for rows.Next() {
		var name string
		var state []byte
		if err := rows.Scan(&name, &state); err != nil {
			return nil, fmt.Errorf("read states of clusters: %w", err)
		}
		states[name] = state
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read states of clusters: %w", err)
	}
	return states, nil
}
