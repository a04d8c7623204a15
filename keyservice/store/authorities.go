package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Authority is one generation of a fleet's certificate authority.
type Authority struct {
	Fleet string
	// Generation counts from 1.
	Generation int
	// Role names the signing key in the token: "ca", "ca-2", ….
	Role string
	// Certificate is self-signed, DER.
	Certificate []byte
	// Forward is this generation's key certified by the one before, Back the other
	// way round (RFC 4210, 4.4: NewWithOld, OldWithNew); DER, empty for the first.
	Forward, Back []byte
	// Starts is from when on it issues. Ends is until when what it issued is
	// accepted; zero while nothing succeeds it.
	Starts, Ends time.Time
}

const authorityColumns = "fleet, generation, role, certificate, forward, back, starts, ends"

// Authorities returns every generation, oldest first; none before the first
// [DB.AddAuthority].
func (s certificateRows) Authorities(ctx context.Context, fleet string) ([]Authority, error) {
	rows, err := s.db.Reads.QueryContext(ctx,
		"SELECT "+authorityColumns+" FROM authorities WHERE fleet = $1 ORDER BY generation", fleet)
	if err != nil {
		return nil, fmt.Errorf("read certificate authority: %w", err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err has what matters
	var all []Authority
	for rows.Next() {
		var a Authority
		var starts int64
		var ends sql.NullInt64
		if err := rows.Scan(&a.Fleet, &a.Generation, &a.Role, &a.Certificate, &a.Forward, &a.Back, &starts,
			&ends); err != nil {
			return nil, fmt.Errorf("read certificate authority: %w", err)
		}
		a.Starts = unstamp(starts)
		if ends.Valid {
			a.Ends = unstamp(ends.Int64)
		}
		all = append(all, a)
	}
	return all, rows.Err()
}

// AddAuthority records a generation, and when the one before it ends. A second
// one of its number is an error: of two services that begin a fleet, or of two
// successions at once, one wins.
func (s certificateRows) AddAuthority(a Authority, formerEnds time.Time) Change {
	return func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx,
			"INSERT INTO authorities ("+authorityColumns+") VALUES ($1, $2, $3, $4, $5, $6, $7, NULL)",
			a.Fleet, a.Generation, a.Role, a.Certificate, a.Forward, a.Back, stamp(a.Starts))
		if err == nil && a.Generation > 1 {
			_, err = tx.ExecContext(ctx, "UPDATE authorities SET ends = $1 WHERE fleet = $2 AND generation = $3",
				stamp(formerEnds), a.Fleet, a.Generation-1)
		}
		if err != nil {
			return fmt.Errorf("record certificate authority: %w", err)
		}
		return nil
	}
}
