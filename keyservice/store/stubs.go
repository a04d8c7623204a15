package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	api "github.com/bulla-dev/bulla/api/fleet"
)

// Errors of putting a stub.
var (
	// ErrStubsFull: the fleet's stubs take all the room that they have.
	ErrStubsFull error = Refusal("the store of stubs is full")
	// ErrStubQuota: the person's stubs take all the room that one person has.
	ErrStubQuota error = Refusal("the person's quota of stubs is used up")
)

// StubRoom bounds what stubs take, in bytes.
type StubRoom struct {
	// Person is for those that one person put, All for the fleet's.
	Person, All int64
}

// PutStub keeps a stub under the digest of its bytes. The caller has parsed it. One that
// is there already stays as it is, whoever put it, and is young again: it was put just
// now, for [DB.CollectStubs]. Then was is set. [ErrStubQuota] and [ErrStubsFull] beyond
// the room.
func (s stubRows) PutStub(fleet, person string, data []byte, room StubRoom, now time.Time, was *bool) Change {
	digest, size := api.StubDigest(data), int64(len(data))
	return func(ctx context.Context, tx *sql.Tx) error {
		*was = false
		again, err := tx.ExecContext(ctx,
			"UPDATE stubs SET put = CASE WHEN put > $1 THEN put ELSE $1 END WHERE fleet = $2 AND digest = $3",
			stamp(now), fleet, digest)
		if err != nil {
			return err
		}
		if n, err := again.RowsAffected(); err != nil || n > 0 {
			*was = err == nil
			return err
		}
		var all, own int64
		if err := tx.QueryRowContext(ctx, "SELECT coalesce(sum(size), 0), "+
			"coalesce(sum(CASE WHEN person = $1 THEN size ELSE 0 END), 0) FROM stubs WHERE fleet = $2",
			person, fleet).Scan(&all, &own); err != nil {
			return err
		}
		switch {
		case own+size > room.Person:
			return ErrStubQuota
		case all+size > room.All:
			return ErrStubsFull
		}
		_, err = tx.ExecContext(ctx,
			"INSERT INTO stubs (fleet, digest, data, size, person, put) VALUES ($1, $2, $3, $4, $5, $6)",
			fleet, digest, data, size, person, stamp(now))
		return err
	}
}

// Stub returns the bytes that are kept under a digest, or [ErrNotFound]. Who uses them
// hashes them: somebody may have written into the database.
func (s stubRows) Stub(ctx context.Context, fleet, digest string) ([]byte, error) {
	var data []byte
	err := s.db.Reads.QueryRowContext(ctx, "SELECT data FROM stubs WHERE fleet = $1 AND digest = $2",
		fleet, digest).Scan(&data)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("read stub %s: %w", digest, ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("read stub %s: %w", digest, err)
	}
	return data, nil
}

// NameStubs says that the head of ref that is accepted now names these stubs, and no
// others. It goes with [DB.AddHead], so that no collection runs between the two.
func (s stubRows) NameStubs(fleet, ref string, digests []string, now time.Time) Change {
	return func(ctx context.Context, tx *sql.Tx) error {
		// All are left, and those that stay are taken up again: they never were away.
		if _, err := tx.ExecContext(ctx,
			"UPDATE stub_uses SET ended = $1 WHERE fleet = $2 AND ref = $3 AND ended IS NULL",
			stamp(now), fleet, ref); err != nil {
			return err
		}
		return each(ctx, tx, useStubSQL, digests, func(digest string) []any { return []any{fleet, ref, digest} })
	}
}

// ChangeStubs says of the head of ref that is accepted now what it names beside the head
// before it, and what it names no more. It goes with [DB.AddHead], as NameStubs does: the
// head before must be the one that the difference is to.
func (s stubRows) ChangeStubs(fleet, ref string, named, left []string, now time.Time) Change {
	return func(ctx context.Context, tx *sql.Tx) error {
		err := each(ctx, tx, "UPDATE stub_uses SET ended = $1 WHERE fleet = $2 AND ref = $3 AND digest = $4",
			left, func(digest string) []any { return []any{stamp(now), fleet, ref, digest} })
		if err != nil {
			return err
		}
		return each(ctx, tx, useStubSQL, named, func(digest string) []any { return []any{fleet, ref, digest} })
	}
}

// each runs a statement for each digest.
func each(ctx context.Context, tx *sql.Tx, query string, digests []string, of func(digest string) []any) error {
	if len(digests) == 0 {
		return nil
	}
	statement, err := tx.PrepareContext(ctx, query)
	if err != nil {
		return err
	}
	defer statement.Close() //nolint:errcheck // ends with the transaction
	for _, digest := range digests {
		if _, err := statement.ExecContext(ctx, of(digest)...); err != nil {
			return err
		}
	}
	return nil
}

// mergeWindows is for how many windows a stub is kept that no head ever named: a pull
// request waits for its review longer than a revert waits for a reason.
const mergeWindows = 6

// CollectStubs removes the stubs that were put before the window, and that no head of the
// window named; what no head ever named was put before [mergeWindows] of them. What the
// accepted head of any ref names stays, however old it is. It returns how many it removed.
func (s stubRows) CollectStubs(ctx context.Context, fleet string, now time.Time, window time.Duration) (
	removed int64, err error,
) {
	before, unmerged := now.Add(-window), now.Add(-mergeWindows*window)
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		done, err := tx.ExecContext(ctx, collectStubsSQL, fleet, stamp(before), stamp(unmerged))
		if err != nil {
			return err
		}
		if removed, err = done.RowsAffected(); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "DELETE FROM stub_uses WHERE fleet = $1 AND ended < $2", fleet, stamp(before))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("collect stubs: %w", err)
	}
	return removed, nil
}
