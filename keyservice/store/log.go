package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"
)

// ErrLog means that the rows of the audit log do not belong together: some are
// missing, or were not written by this package.
var ErrLog = errors.New("audit log is damaged")

// LogState returns where the log stands. A fleet without a log has the zero
// state. Leaves that no checkpoint covers are [ErrLog].
func (s logRows) LogState(ctx context.Context, fleet string) (LogState, error) {
	var l LogState
	var last, end int64
	err := s.db.Reads.QueryRowContext(ctx, logStateSQL, fleet).
		Scan(&l.Size, &last, &l.Checkpoint, &end)
	if errors.Is(err, sql.ErrNoRows) {
		return LogState{}, s.nobodysLeaves(ctx)
	}
	if err == nil {
		err = endsWhereItSays(l.Size, end)
	}
	if err != nil {
		return LogState{}, fmt.Errorf("read state of audit log: %w", err)
	}
	l.Last = unstampSet(last)
	return l, nil
}

// nobodysLeaves refuses to begin a log where the row of one was deleted.
func (s logRows) nobodysLeaves(ctx context.Context) error {
	var n int
	err := s.db.Reads.QueryRowContext(ctx, nobodysLeavesSQL).Scan(&n)
	if err == nil && n > 0 {
		err = fmt.Errorf("%w: there are entries and no log", ErrLog)
	}
	if err != nil {
		return fmt.Errorf("read state of audit log: %w", err)
	}
	return nil
}

// logRow is the row of a log.
type logRow struct {
	id int64
	LogState
}

// querier is a database or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func readLog(ctx context.Context, q querier, fleet string) (logRow, error) {
	var l logRow
	var last int64
	err := q.QueryRowContext(ctx, "SELECT id, size, last, checkpoint FROM logs WHERE fleet = $1", fleet).
		Scan(&l.id, &l.Size, &last, &l.Checkpoint)
	l.Last = unstampSet(last)
	return l, err
}

// endsWhereItSays refuses a log that was cut, or whose row was set back: entries
// beyond the checkpoint would be overwritten by the next ones.
func endsWhereItSays(size, end int64) error {
	if end != size {
		return fmt.Errorf("%w: its checkpoint is of %d entries, and it ends after %d", ErrLog, size, end)
	}
	return nil
}

// LogHashes returns stored hashes by their index (tlog.StoredHashIndex).
func (s logRows) LogHashes(ctx context.Context, fleet string, indexes []int64) ([]tlog.Hash, error) {
	l, err := readLog(ctx, s.db.Reads, fleet)
	if err != nil {
		return nil, fmt.Errorf("read hashes of audit log: %w", err)
	}
	return logHashes(ctx, s.db.Reads, l.id, indexes)
}

// leafOf says which leaf completes a stored hash, and its place there.
func leafOf(index int64) (leaf int64, level int) {
	level, n := tlog.SplitStoredHashIndex(index)
	return (n+1)<<level - 1, level
}

func logHashes(ctx context.Context, q querier, log int64, indexes []int64) ([]tlog.Hash, error) {
	if len(indexes) == 0 {
		return nil, nil
	}
	stored := make(map[int64][]byte, len(indexes))
	args := []any{log}
	for _, index := range indexes {
		leaf, _ := leafOf(index)
		if _, asked := stored[leaf]; !asked {
			stored[leaf] = nil
			args = append(args, leaf)
		}
	}
	list := "$2"
	for n := 3; n <= len(args); n++ {
		list += ", $" + strconv.Itoa(n)
	}
	rows, err := q.QueryContext(ctx, "SELECT idx, hashes FROM leaves WHERE log = $1 AND idx IN ("+list+")", args...)
	if err != nil {
		return nil, fmt.Errorf("read hashes of audit log: %w", err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err has what matters
	for rows.Next() {
		var leaf int64
		var hashes []byte
		if err := rows.Scan(&leaf, &hashes); err != nil {
			return nil, fmt.Errorf("read hashes of audit log: %w", err)
		}
		stored[leaf] = hashes
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read hashes of audit log: %w", err)
	}
	found := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		leaf, level := leafOf(index)
		hashes := stored[leaf]
		if len(hashes) < (level+1)*tlog.HashSize {
			return nil, fmt.Errorf("read hashes of audit log: %w: entry %d has no hash of level %d", ErrLog, leaf, level)
		}
		found[i] = tlog.Hash(hashes[level*tlog.HashSize:])
	}
	return found, nil
}

// joinHashes and splitHashes are the form of the column.
func joinHashes(hashes []tlog.Hash) []byte {
	joined := make([]byte, 0, len(hashes)*tlog.HashSize)
	for _, h := range hashes {
		joined = append(joined, h[:]...)
	}
	return joined
}

func splitHashes(joined []byte) ([]tlog.Hash, error) {
	if len(joined) == 0 || len(joined)%tlog.HashSize != 0 {
		return nil, fmt.Errorf("%w: %d bytes of hashes", ErrLog, len(joined))
	}
	hashes := make([]tlog.Hash, len(joined)/tlog.HashSize)
	for i := range hashes {
		hashes[i] = tlog.Hash(joined[i*tlog.HashSize:])
	}
	return hashes, nil
}
