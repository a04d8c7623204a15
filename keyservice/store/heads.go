package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/bulla-dev/bulla/keyservice/store/engine"
	"github.com/bulla-dev/bulla/sealing"
)

// LastHead returns the head accepted last for ref, or [ErrNotFound].
func (s headRows) LastHead(ctx context.Context, fleet, ref string) (Head, error) {
	h, err := lastHead(s.db.Reads.QueryRowContext(ctx, lastHeadQuery, fleet, ref))
	if err != nil {
		return Head{}, fmt.Errorf("read accepted head: %w", err)
	}
	return h, nil
}

const (
	headColumns   = "fleet, ref, hash, parent, accepted, fleet_serial, fleet_digest, root_key, pinned_key"
	headsQuery    = "SELECT " + headColumns + " FROM heads WHERE fleet = $1 AND ref = $2 ORDER BY id DESC"
	lastHeadQuery = headsQuery + " LIMIT 1"
)

// KnownFleet returns what the head accepted last, of any ref, makes known of
// fleet.yaml; the zero value before the first.
func (s headRows) KnownFleet(ctx context.Context, fleet string) (sealing.Known, error) {
	h, err := lastHead(s.db.Reads.QueryRowContext(ctx,
		"SELECT "+headColumns+" FROM heads WHERE fleet = $1 ORDER BY id DESC LIMIT 1", fleet))
	if err != nil && !errors.Is(err, ErrNotFound) {
		return sealing.Known{}, fmt.Errorf("read what is known of the fleet: %w", err)
	}
	return h.Known, nil
}

// lastHead scans one row, of either kind.
func lastHead(row interface{ Scan(into ...any) error }) (Head, error) {
	var h Head
	var accepted int64
	err := row.Scan(&h.Fleet, &h.Ref, &h.Hash, &h.Parent, &accepted,
		&h.Known.Serial, &h.Known.Digest, &h.Known.RootKey, &h.Known.Pinned)
	if errors.Is(err, sql.ErrNoRows) {
		return Head{}, ErrNotFound
	}
	h.Accepted = unstamp(accepted)
	return h, err
}

// AddHead records an accepted head. Its Parent must be the head accepted last
// (empty when there is none), or nothing is written and the error is
// [ErrHeadMoved]: two services on one store cannot fork the line.
func (s headRows) AddHead(h Head) Change {
	return func(ctx context.Context, tx *sql.Tx) error {
		last, err := lastHead(tx.QueryRowContext(ctx, lastHeadQuery, h.Fleet, h.Ref))
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		if last.Hash != h.Parent {
			return ErrHeadMoved
		}
		//nolint:gosec // names and numbers only
		_, err = tx.ExecContext(ctx, "INSERT INTO heads ("+headColumns+") VALUES "+engine.Places(1, 9),
			h.Fleet, h.Ref, h.Hash, h.Parent, stamp(h.Accepted),
			h.Known.Serial, h.Known.Digest, h.Known.RootKey, h.Known.Pinned)
		return err
	}
}

// HeadsSince returns the heads of ref that were in force at some time since
// then, the newest first: those accepted since, and the one before them.
func (s headRows) HeadsSince(ctx context.Context, fleet, ref string, since time.Time) ([]Head, error) {
	rows, err := s.db.Reads.QueryContext(ctx, headsQuery, fleet, ref)
	if err != nil {
		return nil, fmt.Errorf("read accepted heads: %w", err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err has it
	var heads []Head
	for rows.Next() {
		h, err := lastHead(rows)
		if err != nil {
			return nil, fmt.Errorf("read accepted heads: %w", err)
		}
		if heads = append(heads, h); h.Accepted.Before(since) {
			return heads, nil
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read accepted heads: %w", err)
	}
	return heads, nil
}

// HeadTimes returns when heads of ref were accepted, by hash; the last time of one
// that was accepted twice.
func (s headRows) HeadTimes(ctx context.Context, fleet, ref string, hashes []string) (map[string]time.Time, error) {
	times := map[string]time.Time{}
	for _, hash := range hashes {
		var at int64
		err := s.db.Reads.QueryRowContext(ctx, "SELECT coalesce(max(accepted), 0) FROM heads WHERE fleet = $1 AND ref = $2 "+
			"AND hash = $3",
			fleet, ref, hash).Scan(&at)
		if err != nil {
			return nil, fmt.Errorf("read accepted heads: %w", err)
		}
		if at != 0 {
			times[hash] = unstamp(at)
		}
	}
	return times, nil
}

// WasBefore reports whether hash was accepted for ref before head was. It is what
// many ask of an old revision, so it reads rows by their hash, whatever number of
// heads there is.
func (s headRows) WasBefore(ctx context.Context, fleet, ref, hash, head string) (bool, error) {
	var n int
	err := s.db.Reads.QueryRowContext(ctx, wasBeforeSQL, fleet, ref, hash, head).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("read accepted heads: %w", err)
	}
	return n > 0, nil
}

// AtHead says [ErrHeadMoved] unless hash is the head accepted last. It goes with
// what was decided at that head: of replicas that share the store, one that is
// behind can commit nothing.
func (s headRows) AtHead(fleet, ref, hash string) Change {
	return func(ctx context.Context, tx *sql.Tx) error { return atHead(ctx, tx, fleet, ref, hash) }
}

func atHead(ctx context.Context, tx *sql.Tx, fleet, ref, hash string) error {
	last, err := lastHead(tx.QueryRowContext(ctx, lastHeadQuery, fleet, ref))
	if err != nil {
		return err
	}
	return stillLast(last, hash)
}

func stillLast(last Head, hash string) error {
	if last.Hash != hash {
		return ErrHeadMoved
	}
	return nil
}

// AddPlaced remembers that head placed these stub digests on cluster.
func (s headRows) AddPlaced(ctx context.Context, fleet, cluster, head string, digests []string) error {
	if len(digests) == 0 {
		return nil
	}
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		insert, err := tx.PrepareContext(ctx, "INSERT INTO placed (fleet, cluster, digest, head) VALUES ($1, $2, $3, $4) "+
			"ON CONFLICT DO NOTHING")
		if err != nil {
			return err
		}
		defer insert.Close() //nolint:errcheck // ends with the transaction
		for _, digest := range digests {
			if _, err := insert.ExecContext(ctx, fleet, cluster, digest, head); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("record placed digests: %w", err)
	}
	return nil
}

// WasPlaced reports whether an accepted head ever placed digest on cluster, as
// far as this service looked.
func (s headRows) WasPlaced(ctx context.Context, fleet, cluster, digest string) (bool, error) {
	var n int
	err := s.db.Reads.QueryRowContext(ctx, "SELECT count(*) FROM placed WHERE fleet = $1 AND cluster = $2 AND digest = $3",
		fleet, cluster, digest).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("read placed digests: %w", err)
	}
	return n > 0, nil
}
