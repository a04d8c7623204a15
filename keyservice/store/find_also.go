package store

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"strconv"
	"strings"
)

func insertObjects(ctx context.Context, tx *sql.Tx, log int64, leaves []Leaf) error {
	for _, leaf := range leaves {
		for _, object := range leaf.Also {
			if _, err := tx.ExecContext(ctx, "INSERT INTO leaf_objects (log, idx, object) VALUES ($1, $2, $3) ON CONFLICT DO "+
				"NOTHING",
				log, leaf.Index, object); err != nil {
				return err
			}
		}
	}
	return nil
}

// alsoAbout are the leaves of [from, stop) that are about f.Object beside
// another.
func alsoAbout(ctx context.Context, q querier, l logRow, f LogFilter, from, stop int64) ([]Leaf, error) {
	args := []any{l.id, from, stop, f.Object}
	where := "leaves.log = $1 AND leaf_objects.log = $1 AND leaf_objects.idx >= $2 AND leaf_objects.idx < $3 AND " +
		"leaf_objects.object = $4"
	for _, column := range [][2]string{
		{"cluster", f.Cluster}, {"person", f.Person}, {"digest", f.Digest}, {"kind", f.Kind}, {"outcome", f.Outcome},
	} {
		if column[1] != "" {
			args = append(args, column[1])
			where += " AND leaves." + column[0] + " = $" + strconv.Itoa(len(args))
		}
	}
	args = append(args, f.Limit+1)
	query := "SELECT " + leafColumnsOf("leaves.") + " FROM leaf_objects JOIN leaves ON leaves.idx = leaf_objects.idx " +
		"WHERE " + where +
		" ORDER BY leaf_objects.idx LIMIT $" + strconv.Itoa(len(args))
	return queryLeaves(ctx, q, query, args)
}

// inOrder puts two lists together by index, each leaf once, at most so many.
func inOrder(a, b []Leaf, most int) []Leaf {
	all := slices.Concat(a, b)
	slices.SortFunc(all, func(a, b Leaf) int { return cmp.Compare(a.Index, b.Index) })
	all = slices.CompactFunc(all, func(a, b Leaf) bool { return a.Index == b.Index })
	return all[:min(len(all), most)]
}

// leafColumnsOf are [leafColumns] of a table that is joined.
func leafColumnsOf(table string) string {
	return table + strings.ReplaceAll(leafColumns, ", ", ", "+table)
}
