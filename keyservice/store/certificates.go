package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Authority returns the certificate (DER) of the fleet's authority, or
// [ErrNotFound].
func (s *DB) Authority(ctx context.Context, fleet string) ([]byte, error) {
	var der []byte
	err := s.reads.QueryRowContext(ctx, "SELECT certificate FROM authority WHERE fleet = $1", fleet).Scan(&der)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read certificate authority: %w", err)
	}
	return der, nil
}

// AddAuthority records it. A second one for a fleet is an error.
func (s *DB) AddAuthority(ctx context.Context, fleet string, der []byte) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO authority (fleet, certificate) VALUES ($1, $2)", fleet, der)
		return err
	})
	if err != nil {
		return fmt.Errorf("record certificate authority: %w", err)
	}
	return nil
}

// AddCertificate records an issued certificate.
func (s *DB) AddCertificate(c Certificate) Change {
	return func(ctx context.Context, tx *sql.Tx) error { return addCertificate(ctx, tx, c) }
}

func addCertificate(ctx context.Context, tx *sql.Tx, c Certificate) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO certificates (serial, fleet, cluster, identity, not_before, not_after) VALUES ($1, $2, $3, $4, $5, $6)",
		c.Serial, c.Fleet, c.Cluster, c.Identity, stamp(c.NotBefore), stamp(c.NotAfter))
	return err
}

// Enrolled returns the names of clusters with a certificate valid at now,
// sorted: those that may ask soon.
func (s *DB) Enrolled(ctx context.Context, fleet string, now time.Time) ([]string, error) {
	rows, err := s.reads.QueryContext(ctx, "SELECT DISTINCT cluster FROM certificates WHERE fleet = $1 AND not_after > $2 ORDER BY cluster", fleet, stamp(now))
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
