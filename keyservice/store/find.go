package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"
)

const (
	// leafColumns stand in the order of [Leaf.values] and [scanLeaf].
	leafColumns = "log, idx, time, entry, hashes, kind, outcome, cluster, person, digest, object"
	leafWidth   = 11
	// scan is how many entries one search looks at, and scanIndexed how many when
	// an index leads to those of a cluster, a person or an object. Digests have
	// none: it would cost more than all the rest of an append.
	scan        = 1 << 17
	scanIndexed = 1 << 20
)

func (l Leaf) values(log int64) []any {
	return []any{log, l.Index, stamp(l.Time), l.Entry, joinHashes(l.Hashes), l.Kind, l.Outcome, l.Cluster, l.Person,
		l.Digest, l.Object}
}

func scanLeaf(rows *sql.Rows) (Leaf, error) {
	var l Leaf
	var log, at int64
	var hashes []byte
	err := rows.Scan(&log, &l.Index, &at, &l.Entry, &hashes, &l.Kind, &l.Outcome, &l.Cluster, &l.Person, &l.Digest,
		&l.Object)
	if err != nil {
		return Leaf{}, err
	}
	l.Time = unstamp(at)
	l.Hashes, err = splitHashes(hashes)
	return l, err
}

// FindLeaves returns the entries that match, in order of index, and where to
// read on; next is 0 at the end. One call looks at a bounded part of the log: it
// may return fewer than f.Limit, none too, with more to come.
func (s logRows) FindLeaves(ctx context.Context, fleet string, f LogFilter) (leaves []Leaf, next int64, err error) {
	l, err := readLog(ctx, s.db.Reads, fleet)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, 0, nil
	}
	if err == nil {
		leaves, next, err = findLeaves(ctx, s.db.Reads, l, f)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("search audit log: %w", err)
	}
	return leaves, next, nil
}

func findLeaves(ctx context.Context, q querier, l logRow, f LogFilter) ([]Leaf, int64, error) {
	from, end, err := bounds(ctx, q, l, f)
	if err != nil || from >= end {
		return nil, 0, err
	}
	args := []any{l.id, from}
	where, indexed := "log = $1 AND idx >= $2", false
	for _, column := range []struct {
		name, value string
		indexed     bool
	}{
		{"cluster", f.Cluster, true}, {"person", f.Person, true}, {"digest", f.Digest, false}, {"object", f.Object, true},
		{"kind", f.Kind, false}, {"outcome", f.Outcome, false},
	} {
		if column.value == "" {
			continue
		}
		args = append(args, column.value)
		where += " AND " + column.name + " = $" + strconv.Itoa(len(args))
		if column.indexed {
			// The planner uses a partial index only where it reads its condition.
			where, indexed = where+" AND "+column.name+" <> ''", true
		}
	}
	stop := min(end, from+scan)
	if indexed {
		stop = min(end, from+scanIndexed)
	}
	args = append(args, stop, f.Limit+1)
	where += " AND idx < $" + strconv.Itoa(len(args)-1) + " ORDER BY idx LIMIT $" + strconv.Itoa(len(args))
	leaves, err := queryLeaves(ctx, q, "SELECT "+leafColumns+" FROM leaves WHERE "+where, args)
	if err == nil && f.Object != "" {
		var also []Leaf
		if also, err = alsoAbout(ctx, q, l, f, from, stop); err == nil {
			leaves = inOrder(leaves, also, f.Limit+1)
		}
	}
	switch {
	case err != nil:
		return nil, 0, err
	case len(leaves) > f.Limit:
		return leaves[:f.Limit], leaves[f.Limit].Index, nil
	case stop < end:
		return leaves, stop, nil
	}
	return leaves, 0, nil
}

func queryLeaves(ctx context.Context, q querier, query string, args []any) ([]Leaf, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // rows.Err has what matters
	var leaves []Leaf
	for rows.Next() {
		leaf, err := scanLeaf(rows)
		if err != nil {
			return nil, err
		}
		leaves = append(leaves, leaf)
	}
	return leaves, rows.Err()
}

// bounds turns a filter's indexes and times into indexes. Times never go back
// along the log, so that a time is found by halving.
func bounds(ctx context.Context, q querier, l logRow, f LogFilter) (from, end int64, err error) {
	from, end = max(f.From, 0), l.Size
	if f.To > 0 {
		end = min(end, f.To)
	}
	if !f.Since.IsZero() {
		at, err := firstNotBefore(ctx, q, l.id, f.Since, from, end)
		if err != nil {
			return 0, 0, err
		}
		from = at
	}
	if !f.Until.IsZero() {
		if end, err = firstNotBefore(ctx, q, l.id, f.Until, from, end); err != nil {
			return 0, 0, err
		}
	}
	return from, end, nil
}

// firstNotBefore is the first index of [low, high) with a time not before at, or
// high.
func firstNotBefore(ctx context.Context, q querier, log int64, at time.Time, low, high int64) (int64, error) {
	for low < high {
		middle := low + (high-low)/2
		var found int64
		err := q.QueryRowContext(ctx, "SELECT time FROM leaves WHERE log = $1 AND idx = $2", log, middle).Scan(&found)
		if errors.Is(err, sql.ErrNoRows) {
			err = fmt.Errorf("%w: entry %d is missing", ErrLog, middle)
		}
		if err != nil {
			return 0, err
		}
		if found < stamp(at) {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low, nil
}
