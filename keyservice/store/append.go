package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

const (
	// leafRows is how many leaves go into one statement: SQLite admits 32,766
	// parameters, and a statement's cost is mostly its preparation.
	leafRows = 100
	// pendingRows is how many entries of other programs one append takes along.
	pendingRows = 1000
)

// Appending is an append under way: what the log and the store say while no
// other process can change the log.
type Appending struct {
	LogState
	// Pending are entries that other programs left, in order; the append takes
	// them into the log.
	Pending [][]byte
	// Refused says, for each group of changes, why it was not made; nil if it was.
	Refused []error
	// Hashes reads stored hashes by their index (tlog.StoredHashIndex).
	Hashes tlog.HashReaderFunc
}

// Appended is what an append writes.
type Appended struct {
	LogState
	Leaves []Leaf
}

// AppendLog makes changes and adds the entries that belong to them, in one
// transaction that is on disk when it returns nil. It locks the fleet's log,
// makes each group of changes whole or not at all, and asks build what to write.
// Its leaves must follow on the state that build was given. build may run more
// than once; an error of it undoes everything and is returned.
//
// After any other error the outcome is unknown: the commit may have been
// executed and its answer lost. The caller reads the state again.
func (s logRows) AppendLog(ctx context.Context, fleet string, groups [][]Change,
	build func(*Appending) (Appended, error)) error {
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		return s.appendLog(ctx, tx, fleet, groups, build)
	})
	if err != nil {
		return fmt.Errorf("append to audit log: %w", err)
	}
	return nil
}

func (s logRows) appendLog(ctx context.Context, tx *sql.Tx, fleet string, groups [][]Change,
	build func(*Appending) (Appended, error)) error {
	l, err := logOf(ctx, tx, fleet)
	if err != nil {
		return err
	}
	pending, ids, err := takePending(ctx, tx, fleet)
	if err != nil {
		return err
	}
	now := &Appending{LogState: l.LogState, Pending: pending, Refused: make([]error, len(groups)),
		Hashes: func(indexes []int64) ([]tlog.Hash, error) { return logHashes(ctx, tx, l.id, indexes) }}
	for i, changes := range groups {
		if now.Refused[i], err = attempt(ctx, tx, changes); err != nil {
			return err
		}
	}
	next, err := build(now)
	if err != nil {
		return err
	}
	if err := follows(l, next); err != nil {
		return err
	}
	if len(next.Leaves) == 0 {
		return nil
	}
	if err := s.insertLeaves(ctx, tx, l.id, next.Leaves); err != nil {
		return err
	}
	if err := dropPending(ctx, tx, ids); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "UPDATE logs SET size = $1, last = $2, checkpoint = $3 WHERE id = $4",
		next.Size, stamp(next.Last), next.Checkpoint, l.id)
	return err
}

// logOf reads the row of the fleet's log, made at the first append. There is one
// writer at a time, so it stands until the transaction ends.
func logOf(ctx context.Context, tx *sql.Tx, fleet string) (logRow, error) {
	l, err := readLog(ctx, tx, fleet)
	if !errors.Is(err, sql.ErrNoRows) {
		return l, err
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO logs (fleet, size, last, checkpoint) VALUES ($1, 0, 0, $2) ON "+
		"CONFLICT (fleet) DO NOTHING", fleet, []byte{}); err != nil {
		return logRow{}, err
	}
	return readLog(ctx, tx, fleet)
}

// follows refuses leaves that do not stand where the log ends.
func follows(l logRow, next Appended) error {
	if next.Size != l.Size+int64(len(next.Leaves)) {
		return fmt.Errorf("%w: %d entries after %d do not make %d", ErrLog, len(next.Leaves), l.Size, next.Size)
	}
	for i, leaf := range next.Leaves {
		if leaf.Index != l.Size+int64(i) {
			return fmt.Errorf("%w: entry %d in the place of %d", ErrLog, leaf.Index, l.Size+int64(i))
		}
	}
	return nil
}

// attempt makes one group of changes, or none of it when one of them says no.
func attempt(ctx context.Context, tx *sql.Tx, changes []Change) (refused, failed error) {
	if len(changes) == 0 {
		return nil, nil
	}
	if _, err := tx.ExecContext(ctx, "SAVEPOINT changes"); err != nil {
		return nil, err
	}
	for _, change := range changes {
		err := change(ctx, tx)
		if err == nil {
			continue
		}
		if refusal := Refusal(""); !errors.As(err, &refusal) {
			return nil, err
		}
		if _, failed := tx.ExecContext(ctx, "ROLLBACK TO SAVEPOINT changes"); failed != nil {
			return nil, failed
		}
		refused = err
		break
	}
	_, failed = tx.ExecContext(ctx, "RELEASE SAVEPOINT changes")
	return refused, failed
}

func (s logRows) insertLeaves(ctx context.Context, tx *sql.Tx, log int64, leaves []Leaf) error {
	for len(leaves) > 0 {
		n := min(len(leaves), leafRows)
		values := make([]any, 0, n*leafWidth)
		for _, leaf := range leaves[:n] {
			values = append(values, leaf.values(log)...)
		}
		if _, err := tx.ExecContext(ctx,
			s.db.InsertOrUndo()+" INTO leaves ("+leafColumns+") VALUES "+s.db.ManyPlaces(n, leafWidth),
			values...); err != nil {
			return err
		}
		if err := insertObjects(ctx, tx, log, leaves[:n]); err != nil {
			return err
		}
		leaves = leaves[n:]
	}
	return nil
}
