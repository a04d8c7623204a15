-- This is the audit log. A leaf's hashes are those that it completes
-- (golang.org/x/mod/sumdb/tlog, StoredHashes), so that a leaf is written once
-- and never touched again; its other columns repeat what entry says, for
-- [DB.FindLeaves]. Pending holds entries of programs without a signing key.
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
