package store

// schemaVersion is kept in SQLite's user_version. A file of a newer version is
// refused: an older service must not decide on rows it cannot read.
const schemaVersion = 1

// Times are microseconds since 1970, UTC.
const schema = `
CREATE TABLE heads (
  id       INTEGER PRIMARY KEY AUTOINCREMENT,
  fleet    TEXT NOT NULL,
  ref      TEXT NOT NULL,
  hash     TEXT NOT NULL,
  parent   TEXT NOT NULL,
  accepted INTEGER NOT NULL
) STRICT;
CREATE INDEX heads_by_ref ON heads (fleet, ref, id);

CREATE TABLE authority (
  fleet       TEXT PRIMARY KEY,
  certificate BLOB NOT NULL
) STRICT;

CREATE TABLE tokens (
  hash    BLOB PRIMARY KEY,
  fleet   TEXT NOT NULL,
  cluster TEXT NOT NULL,
  created INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  spent   INTEGER
) STRICT;

CREATE TABLE enrolments (
  token      BLOB PRIMARY KEY REFERENCES tokens (hash),
  public_key BLOB NOT NULL,
  recipient  TEXT NOT NULL,
  challenge  BLOB NOT NULL,
  begun      INTEGER NOT NULL
) STRICT;

CREATE TABLE certificates (
  serial     TEXT PRIMARY KEY,
  fleet      TEXT NOT NULL,
  cluster    TEXT NOT NULL,
  identity   TEXT NOT NULL,
  not_before INTEGER NOT NULL,
  not_after  INTEGER NOT NULL
) STRICT;
CREATE INDEX certificates_by_expiry ON certificates (fleet, not_after);

CREATE TABLE placed (
  fleet   TEXT NOT NULL,
  cluster TEXT NOT NULL,
  digest  TEXT NOT NULL,
  head    TEXT NOT NULL,
  PRIMARY KEY (fleet, cluster, digest)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  time       INTEGER NOT NULL,
  request    TEXT NOT NULL,
  fleet      TEXT NOT NULL,
  cluster    TEXT NOT NULL,
  identity   TEXT NOT NULL,
  serial     TEXT NOT NULL,
  head       TEXT NOT NULL,
  revision   TEXT NOT NULL,
  digest     TEXT NOT NULL,
  outcome    TEXT NOT NULL,
  placement  TEXT NOT NULL,
  object     TEXT NOT NULL,
  keys       TEXT NOT NULL,
  operations INTEGER NOT NULL
) STRICT;
`
