package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// AddCertificate records an issued certificate.
func (s certificateRows) AddCertificate(c Certificate) Change {
	return func(ctx context.Context, tx *sql.Tx) error { return addCertificate(ctx, tx, c) }
}

func addCertificate(ctx context.Context, tx *sql.Tx, c Certificate) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO certificates (serial, fleet, cluster, identity, not_before, not_after, "+
		"parent) VALUES ($1, $2, $3, $4, $5, $6, $7)",
		c.Serial, c.Fleet, c.Cluster, c.Identity, stamp(c.NotBefore), stamp(c.NotAfter), c.Parent)
	return err
}

// Enrolled returns the names of clusters with a certificate valid at now,
// sorted: those that may ask soon.
func (s certificateRows) Enrolled(ctx context.Context, fleet string, now time.Time) ([]string, error) {
	rows, err := s.db.Reads.QueryContext(ctx,
		"SELECT DISTINCT cluster FROM certificates WHERE fleet = $1 AND not_after > "+
			"$2 ORDER BY cluster", fleet, stamp(now))
	if err != nil {
		return nil, fmt.Errorf("read certificates: %w", err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err has what matters
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, fmt.Errorf("read certificates: %w", err)
		}
		names = append(names, name)
	}
	return names, rows.Err()
}
