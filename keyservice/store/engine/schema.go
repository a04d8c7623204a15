package engine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// migrate brings the tables from one version to the next; the version is how many
// migrations were made. A database of a newer version is refused: an older service must
// not decide on rows it cannot read.
//
// Names in braces are the dialect's types.
func (s *Engine) migrate(ctx context.Context, migrations []string) error {
	return s.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx,
			s.ddl("CREATE TABLE IF NOT EXISTS schema_version (version {{int}} NOT NULL) {{end}}")); err != nil {
			return fmt.Errorf("create schema_version: %w", err)
		}
		version, err := schemaVersion(ctx, tx)
		if err != nil {
			return err
		}
		if version > len(migrations) {
			return fmt.Errorf("schema version %d is newer than this program's %d", version, len(migrations))
		}
		for n, migration := range migrations[version:] {
			if _, err := tx.ExecContext(ctx, s.ddl(migration)); err != nil {
				return fmt.Errorf("migrate to schema version %d: %w", version+n+1, err)
			}
		}
		_, err = tx.ExecContext(ctx, "UPDATE schema_version SET version = $1", len(migrations))
		return err
	})
}

func schemaVersion(ctx context.Context, tx *sql.Tx) (int, error) {
	var version int
	err := tx.QueryRowContext(ctx, "SELECT version FROM schema_version").Scan(&version)
	if errors.Is(err, sql.ErrNoRows) {
		_, err = tx.ExecContext(ctx, "INSERT INTO schema_version (version) VALUES (0)")
	}
	if err != nil {
		return 0, fmt.Errorf("read schema version: %w", err)
	}
	return version, nil
}

// ddl spells a statement for this engine.
func (s *Engine) ddl(statement string) string {
	for name, spelling := range s.dialect.types {
		statement = strings.ReplaceAll(statement, name, spelling)
	}
	return statement
}
