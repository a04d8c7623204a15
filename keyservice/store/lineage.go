package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Use is one certificate being presented.
type Use struct {
	Fleet, Cluster, Identity, Serial string
	// Renewing is set when a successor is asked for.
	Renewing bool
}

// Lineage says how a use fits what was used before. Renewals of one key make a
// line: each certificate but the first is renewed from the one before, and once
// it is used, nobody who has it needs the one before.
type Lineage int

const (
	// Linear is a use of the newest certificate, or of its first successor.
	Linear Lineage = iota
	// Superseded is a use of a certificate after its successor was used.
	Superseded
	// Forked is a use of a certificate that was renewed from one that already had
	// another successor in use.
	Forked
)

// UseCertificate takes note of a use, and says how it fits. Uses of a superseded
// certificate are Linear until its successor was in use for tolerance, since
// requests overtake one another; a renewal from it never is.
//
// A certificate that the store does not know, of a database that was put back
// from a backup, begins a new line.
func (s certificateRows) UseCertificate(ctx context.Context, u Use, now time.Time, tolerance time.Duration) (
	Lineage, error,
) {
	tip, since, err := lineageTip(s.db.Reads.QueryRowContext(ctx, lineageQuery, u.Fleet, u.Cluster, u.Identity))
	if err == nil && tip == u.Serial {
		return Linear, nil
	}
	var fits Lineage
	if err == nil || errors.Is(err, sql.ErrNoRows) {
		err = s.db.Write(ctx, func(tx *sql.Tx) error {
			if tip, since, err = lineageTip(tx.QueryRowContext(ctx, lineageQuery, u.Fleet, u.Cluster, u.Identity)); err != nil &&
				!errors.Is(err, sql.ErrNoRows) {
				return err
			}
			fits, err = useCertificate(ctx, tx, u, tip, now)
			return err
		})
	}
	if err != nil {
		return Linear, fmt.Errorf("read lineage of certificates: %w", err)
	}
	if fits == Superseded && !u.Renewing && now.Before(since.Add(tolerance)) {
		return Linear, nil
	}
	return fits, nil
}

const lineageQuery = "SELECT tip, since FROM lineages WHERE fleet = $1 AND cluster = $2 AND identity = $3"

func lineageTip(row *sql.Row) (tip string, since time.Time, err error) {
	var at int64
	err = row.Scan(&tip, &at)
	return tip, unstamp(at), err
}

// useCertificate moves the tip to a certificate's first use, when it follows on
// the tip.
func useCertificate(ctx context.Context, tx *sql.Tx, u Use, tip string, now time.Time) (Lineage, error) {
	if tip == u.Serial {
		return Linear, nil
	}
	var parent string
	var used sql.NullInt64
	err := tx.QueryRowContext(ctx, "SELECT parent, used FROM certificates WHERE serial = $1", u.Serial).Scan(&parent,
		&used)
	known := !errors.Is(err, sql.ErrNoRows)
	switch {
	case known && err != nil:
		return Linear, err
	case known && used.Valid:
		return Superseded, nil
	case known && tip != "" && parent != "" && parent != tip:
		return Forked, nil
	}
	if _, err := tx.ExecContext(ctx, "UPDATE certificates SET used = $1 WHERE serial = $2", stamp(now),
		u.Serial); err != nil {
		return Linear, err
	}
	_, err = tx.ExecContext(ctx, moveTipSQL,
		u.Fleet, u.Cluster, u.Identity, u.Serial, stamp(now))
	return Linear, err
}
