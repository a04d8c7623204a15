package store

import (
	"bytes"
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
	states := map[string][]byte{}
	err := s.EachState(ctx, fleet, cluster, func(name string, state []byte) { states[name] = bytes.Clone(state) })
	if err != nil {
		return nil, err
	}
	return states, nil
}

// EachState hands over what [ledgerRows.States] returns, one at a time: all of a large
// fleet is hundreds of megabytes. A state is gone when the call returns.
func (s ledgerRows) EachState(ctx context.Context, fleet, cluster string, each func(name string, state []byte)) error {
	rows, err := s.db.Reads.QueryContext(ctx,
		"SELECT cluster, state FROM cluster_states WHERE fleet = $1 AND ($2 = '' OR "+
			"cluster = $2)", fleet, cluster)
	if err != nil {
		return fmt.Errorf("read states of clusters: %w", err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err has what matters
	for rows.Next() {
		var name string
		var state sql.RawBytes
		if err := rows.Scan(&name, &state); err != nil {
			return fmt.Errorf("read states of clusters: %w", err)
		}
		each(name, state)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read states of clusters: %w", err)
	}
	return nil
}
