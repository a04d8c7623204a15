package engine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"

	_ "modernc.org/sqlite"
)

// sqlite has one writer by nature: BEGIN IMMEDIATE waits for it (busy_timeout).
var sqlite = dialect{
	name: "sqlite",
	types: map[string]string{"{{int}}": "INTEGER", "{{bytes}}": "BLOB",
		"{{serial}}": "INTEGER PRIMARY KEY AUTOINCREMENT", "{{end}}": "STRICT"},
	lock:    func(context.Context, *sql.Tx) error { return nil },
	unnamed: true,
	// OR FAIL spares the copy of every page that undoing the statement alone would
	// need.
	insertOrUndo: "INSERT OR FAIL",
}

// Open opens or creates the SQLite file at path, mode 0600, and brings its
// tables up to this version.
func Open(ctx context.Context, path string, migrations []string) (*Engine, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	s := &Engine{dialect: sqlite}
	// One connection writes: SQLite has one writer, and waiting here is cheaper
	// than retrying there.
	if s.db, err = connectSQLite(path, 1); err != nil {
		return nil, fmt.Errorf("open store %q: %w", path, err)
	}
	if s.Reads, err = connectSQLite(path, 4); err != nil {
		return nil, fmt.Errorf("open store %q: %w", path, errors.Join(err, s.db.Close()))
	}
	if err := s.migrate(ctx, migrations); err != nil {
		return nil, fmt.Errorf("open store %q: %w", path, errors.Join(err, s.Close()))
	}
	return s, nil
}

func connectSQLite(path string, connections int) (*sql.DB, error) {
	query := url.Values{
		"_pragma": {"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "wal_autocheckpoint(4000)",
			"foreign_keys(ON)"},
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
