package engine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// postgres has one writer by a lock. Serializable transactions would need none,
// but every change adds to one log: all but one of those that meet would fail,
// after the token had signed for them. Who waited for the lock reads what its
// last holder wrote only under READ COMMITTED, where a statement has a snapshot
// of its own.
var postgres = dialect{
	name: "postgres",
	types: map[string]string{"{{int}}": "BIGINT", "{{bytes}}": "BYTEA",
		"{{serial}}": "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "{{end}}": ""},
	isolation:    sql.LevelReadCommitted,
	lock:         becomeWriter,
	insertOrUndo: "INSERT",
}

// writerLock is the advisory lock of the one writer: "bulla" in ASCII.
const writerLock = 0x62756c6c61

// becomeWriter waits until no other replica writes. PostgreSQL gives the lock up
// when the transaction ends, after its changes can be seen.
func becomeWriter(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", writerLock)
	return err
}

// OpenPostgres connects to a PostgreSQL database by its URL or key=value string
// and brings its tables up to this version. Errors never carry the string: it
// may hold a password.
func OpenPostgres(ctx context.Context, dsn string, migrations []string) (*Engine, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, errors.New("open store: the database URL does not parse")
	}
	if err := checkVerified(config); err != nil {
		return nil, fmt.Errorf("open store in database %q on %q: %w", config.Database, config.Host, err)
	}
	setDefaults(config)
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	s := &Engine{dialect: postgres, db: db, Reads: db}
	if err = s.checkDurable(ctx); err == nil {
		err = s.migrate(ctx, migrations)
	}
	if err != nil {
		return nil, fmt.Errorf("open store in database %q on %q: %w", config.Database, config.Host,
			errors.Join(err, s.Close()))
	}
	return s, nil
}
