package engine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Engine is an opened database: one SQLite file ([Open]) or PostgreSQL
// ([OpenPostgres]). Both run the same statements. It is safe for concurrent use.
type Engine struct {
	dialect dialect
	// db runs what writes.
	db *sql.DB
	// Reads runs what only reads, so that a read never waits for a commit to
	// reach the disk.
	Reads *sql.DB
}

// dialect is what the two engines do not share.
type dialect struct {
	name string
	// types replaces the names in braces of the schema.
	types        map[string]string
	insertOrUndo string // see InsertOrUndo
	// unnamed says that a parameter may be spelled "?".
	unnamed bool
	// isolation of what writes.
	isolation sql.IsolationLevel
	// lock makes a transaction the only one that writes, until it ends.
	lock func(context.Context, *sql.Tx) error
}

// Close closes the database.
func (s *Engine) Close() error {
	err := s.Reads.Close()
	if s.db != s.Reads {
		err = errors.Join(err, s.db.Close())
	}
	if err != nil {
		return fmt.Errorf("close store: %w", err)
	}
	return nil
}

// Write runs f in one transaction that is on disk when Write returns nil. There
// is one writer at a time, over all processes and both engines, and every
// statement of f sees what the writers before it committed: what f reads stays
// true until it commits.
//
// After an error the outcome is unknown when the commit was already sent: it may
// have been executed and its answer lost.
func (s *Engine) Write(ctx context.Context, f func(*sql.Tx) error) error {
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

// InsertOrUndo begins an INSERT of many rows whose failure undoes the whole
// transaction anyway.
func (s *Engine) InsertOrUndo() string { return s.dialect.insertOrUndo }

// Places spells the parameters of many rows: ($1, $2), ($3, $4).
func Places(rows, width int) string {
	return spellPlaces(rows, width, func(n int) string { return "$" + strconv.Itoa(n) })
}

// ManyPlaces is [Places] for hundreds of parameters. SQLite searches its list of
// names for each one of a name, when it parses and when it binds; one without a
// name costs nothing.
func (s *Engine) ManyPlaces(rows, width int) string {
	if s.dialect.unnamed {
		return spellPlaces(rows, width, func(int) string { return "?" })
	}
	return Places(rows, width)
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
