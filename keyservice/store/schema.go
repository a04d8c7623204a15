package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// migrations bring the tables from one version to the next; the version is how
// many of them were made. A database of a newer version is refused: an older
// service must not decide on rows it cannot read.
//
// Names in braces are the dialect's types. Times are microseconds since 1970,
// UTC.
var migrations = []string{schema, knownFleet, logSchema, ledgerSchema, certificateSchema, rewriteSchema, lookSchema,
	denialSchema, leafObjectSchema, refusalSchema, stateSchema}

func (s *DB) migrate(ctx context.Context) error {
	return s.write(ctx, func(tx *sql.Tx) error {
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
func (s *DB) ddl(statement string) string {
	for name, spelling := range s.dialect.types {
		statement = strings.ReplaceAll(statement, name, spelling)
	}
	return statement
}

const schema = `
CREATE TABLE heads (
  id       {{serial}},
  fleet    TEXT NOT NULL,
  ref      TEXT NOT NULL,
  hash     TEXT NOT NULL,
  parent   TEXT NOT NULL,
  accepted {{int}} NOT NULL
) {{end}};
CREATE INDEX heads_by_ref ON heads (fleet, ref, id);

CREATE TABLE authority (
  fleet       TEXT PRIMARY KEY,
  certificate {{bytes}} NOT NULL
) {{end}};

CREATE TABLE tokens (
  hash    {{bytes}} PRIMARY KEY,
  fleet   TEXT NOT NULL,
  cluster TEXT NOT NULL,
  created {{int}} NOT NULL,
  expires {{int}} NOT NULL,
  spent   {{int}}
) {{end}};

CREATE TABLE enrolments (
  token      {{bytes}} PRIMARY KEY REFERENCES tokens (hash),
  public_key {{bytes}} NOT NULL,
  recipient  TEXT NOT NULL,
  challenge  {{bytes}} NOT NULL,
  begun      {{int}} NOT NULL
) {{end}};

CREATE TABLE certificates (
  serial     TEXT PRIMARY KEY,
  fleet      TEXT NOT NULL,
  cluster    TEXT NOT NULL,
  identity   TEXT NOT NULL,
  not_before {{int}} NOT NULL,
  not_after  {{int}} NOT NULL
) {{end}};
CREATE INDEX certificates_by_expiry ON certificates (fleet, not_after);

CREATE TABLE placed (
  fleet   TEXT NOT NULL,
  cluster TEXT NOT NULL,
  digest  TEXT NOT NULL,
  head    TEXT NOT NULL,
  PRIMARY KEY (fleet, cluster, digest)
) {{end}};
`

// logSchema is the audit log. A leaf's hashes are those that it completes
// (golang.org/x/mod/sumdb/tlog, StoredHashes), so that a leaf is written once
// and never touched again; its other columns repeat what entry says, for
// [DB.FindLeaves]. Pending holds entries of programs without a signing key.
const logSchema = `
DROP TABLE IF EXISTS audit;

CREATE TABLE logs (
  id         {{serial}},
  fleet      TEXT NOT NULL UNIQUE,
  size       {{int}} NOT NULL,
  last       {{int}} NOT NULL,
  checkpoint {{bytes}} NOT NULL
) {{end}};

CREATE TABLE leaves (
  log     {{int}} NOT NULL,
  idx     {{int}} NOT NULL,
  time    {{int}} NOT NULL,
  entry   {{bytes}} NOT NULL,
  hashes  {{bytes}} NOT NULL,
  kind    TEXT NOT NULL,
  outcome TEXT NOT NULL,
  cluster TEXT NOT NULL,
  person  TEXT NOT NULL,
  digest  TEXT NOT NULL,
  object  TEXT NOT NULL,
  PRIMARY KEY (log, idx)
) {{end}};
CREATE INDEX leaves_by_cluster ON leaves (log, cluster, idx) WHERE cluster <> '';
CREATE INDEX leaves_by_person ON leaves (log, person, idx) WHERE person <> '';
CREATE INDEX leaves_by_object ON leaves (log, object, idx) WHERE object <> '';

CREATE TABLE pending (
  id    {{serial}},
  fleet TEXT NOT NULL,
  entry {{bytes}} NOT NULL
) {{end}};
`

// knownFleet makes each head say which fleet.yaml it was accepted with.
const knownFleet = `
ALTER TABLE heads ADD COLUMN fleet_serial {{int}} NOT NULL DEFAULT 0;
ALTER TABLE heads ADD COLUMN fleet_digest TEXT NOT NULL DEFAULT '';
ALTER TABLE heads ADD COLUMN root_key TEXT NOT NULL DEFAULT '';
ALTER TABLE heads ADD COLUMN pinned_key TEXT NOT NULL DEFAULT '';
`
