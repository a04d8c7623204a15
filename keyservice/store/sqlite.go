package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	_ "modernc.org/sqlite" // the database driver
)

// SQLite is the store in one file. It is safe for concurrent use.
type SQLite struct {
	// db has one connection: SQLite has one writer, and waiting here is cheaper
	// than retrying there.
	db *sql.DB
	// reads has a few, so that a read never waits for a commit to reach the disk.
	reads *sql.DB
}

// Open opens or creates the file at path, mode 0600, and brings its tables up
// to this version.
func Open(ctx context.Context, path string) (*SQLite, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	s := &SQLite{}
	if s.db, err = connect(path, 1); err != nil {
		return nil, fmt.Errorf("open store %q: %w", path, err)
	}
	if s.reads, err = connect(path, 4); err != nil {
		return nil, fmt.Errorf("open store %q: %w", path, errors.Join(err, s.db.Close()))
	}
	if err := s.migrate(ctx); err != nil {
		return nil, fmt.Errorf("open store %q: %w", path, errors.Join(err, s.Close()))
	}
	return s, nil
}

func connect(path string, connections int) (*sql.DB, error) {
	query := url.Values{
		"_pragma": {"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(ON)"},
		"_txlock": {"immediate"},
	}
	dsn := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: query.Encode()}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

func (s *SQLite) migrate(ctx context.Context) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		var version int
		if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
			return fmt.Errorf("read schema version: %w", err)
		}
		switch {
		case version == schemaVersion:
			return nil
		case version != 0:
			return fmt.Errorf("schema version %d is not this program's %d", version, schemaVersion)
		}
		if _, err := tx.ExecContext(ctx, schema); err != nil {
			return fmt.Errorf("create tables: %w", err)
		}
		_, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", schemaVersion))
		return err
	})
}

// Close closes the file.
func (s *SQLite) Close() error {
	readErr := s.reads.Close()
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close store: %w", err)
	}
	return readErr
}

// Ready reports whether a transaction commits now, by forgetting enrolments
// whose token expired.
func (s *SQLite) Ready(ctx context.Context) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM enrolments WHERE token IN (SELECT hash FROM tokens WHERE expires < ?)", stamp(time.Now()))
		return err
	})
}

// write runs f in one transaction that is on disk when write returns nil.
func (s *SQLite) write(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // no effect after Commit
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit()
}

func stamp(t time.Time) int64 { return t.UnixMicro() }

func unstamp(us int64) time.Time { return time.UnixMicro(us).UTC() }
