package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// postgres runs what writes as if alone (SERIALIZABLE), and again when two met.
var postgres = dialect{
	name:        "postgres",
	types:       map[string]string{"{{int}}": "BIGINT", "{{bytes}}": "BYTEA", "{{serial}}": "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "{{end}}": ""},
	transaction: sql.TxOptions{Isolation: sql.LevelSerializable},
	// Who waited for the log's row must see what its holder wrote, which a
	// snapshot of before the wait would not have.
	appending: sql.TxOptions{Isolation: sql.LevelReadCommitted},
	forUpdate: " FOR UPDATE",
	again:     metAnother,
}

// OpenPostgres connects to a PostgreSQL database by its URL or key=value string
// and brings its tables up to this version. Errors never carry the string: it
// may hold a password.
func OpenPostgres(ctx context.Context, dsn string) (*DB, error) {
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
	s := &DB{dialect: postgres, db: db, reads: db}
	if err = s.checkDurable(ctx); err == nil {
		err = s.migrate(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("open store in database %q on %q: %w", config.Database, config.Host, errors.Join(err, s.Close()))
	}
	return s, nil
}

// metAnother recognises serialization_failure and deadlock_detected (PostgreSQL
// documentation, appendix A): nothing was written, and the next try may succeed.
func metAnother(err error) bool {
	var failure *pgconn.PgError
	return errors.As(err, &failure) && (failure.Code == "40001" || failure.Code == "40P01")
}
