package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// DB is the store in an SQL database: one SQLite file ([Open]) or PostgreSQL
// ([OpenPostgres]). Both run the same statements. It is safe for concurrent use.
type DB struct {
	dialect dialect
	// db runs what writes.
	db *sql.DB
	// reads runs what only reads, so that a read never waits for a commit to
	// reach the disk.
	reads *sql.DB
}

// Change is something to be written together with something else: it runs in a
// transaction that the other side commits, possibly more than once. It must not
// keep tx. It says no with a [Refusal].
type Change func(ctx context.Context, tx *sql.Tx) error

// dialect is what the two engines do not share.
type dialect struct {
	name string
	// types replaces the names in braces of the schema.
	types map[string]string
	// insertOrUndo begins an INSERT of many rows whose failure undoes the whole
	// transaction anyway.
	insertOrUndo string
	// unnamed says that a parameter may be spelled "?".
	unnamed bool
	// isolation of what writes.
	isolation sql.IsolationLevel
	// lock makes a transaction the only one that writes, until it ends.
	lock func(context.Context, *sql.Tx) error
}

// Close closes the database.
func (s *DB) Close() error {
	err := s.reads.Close()
	if s.db != s.reads {
		err = errors.Join(err, s.db.Close())
	}
	if err != nil {
		return fmt.Errorf("close store: %w", err)
	}
	return nil
}

// Ready reports whether a transaction commits now, by forgetting enrolments
// whose token expired.
func (s *DB) Ready(ctx context.Context) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM enrolments WHERE token IN (SELECT hash FROM tokens WHERE expires < $1)",
			stamp(time.Now()))
		return err
	})
}

// Do makes changes in one transaction that is on disk when Do returns nil.
func (s *DB) Do(ctx context.Context, changes ...Change) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		for _, change := range changes {
			if err := change(ctx, tx); err != nil {
				return err
			}
		}
		return nil
	})
}

// write runs f in one transaction that is on disk when write returns nil. There
// is one writer at a time, over all processes and both engines, and every
// statement of f sees what the writers before it committed: what f reads stays
// true until it commits.
//
// After an error the outcome is unknown when the commit was already sent: it may
// have been executed and its answer lost.
func (s *DB) write(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, &sql.TxOptions{Isolation: s.dialect.isolation})
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // no effect after Commit
	if err := s.dialect.lock(ctx, tx); err != nil {
		return fmt.Errorf("wait for other writers: %w", err)
	}
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// places spells the parameters of many rows: ($1, $2), ($3, $4).
func places(rows, width int) string {
	return spellPlaces(rows, width, func(n int) string { return "$" + strconv.Itoa(n) })
}

// manyPlaces is places for hundreds of parameters. SQLite searches its list of
// names for each one of a name, when it parses and when it binds; one without a
// name costs nothing.
func (d dialect) manyPlaces(rows, width int) string {
	if d.unnamed {
		return spellPlaces(rows, width, func(int) string { return "?" })
	}
	return places(rows, width)
}

func spellPlaces(rows, width int, spell func(n int) string) string {
	var b strings.Builder
	for n := range rows * width {
		switch {
		case n == 0:
			b.WriteString("(")
		case n%width == 0:
			b.WriteString("), (")
		default:
			b.WriteString(", ")
		}
		b.WriteString(spell(n + 1))
	}
	b.WriteString(")")
	return b.String()
}

func stamp(t time.Time) int64 { return t.UnixMicro() }

func unstamp(us int64) time.Time { return time.UnixMicro(us).UTC() }

// unstampSet takes 0 for the zero time.
func unstampSet(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return unstamp(us)
}
