-- This keeps who is or was in the fleet, and what clusters say became of
-- their secrets.
CREATE TABLE members (
  fleet    TEXT NOT NULL,
  cluster  TEXT NOT NULL,
  identity TEXT NOT NULL,
  left_at  {{int}} NOT NULL,
  head     TEXT NOT NULL,
  reported {{int}} NOT NULL,
  round    {{int}} NOT NULL,
  complete {{int}} NOT NULL,
  PRIMARY KEY (fleet, cluster)
) {{end}};

CREATE TABLE ledger (
  fleet     TEXT NOT NULL,
  cluster   TEXT NOT NULL,
  namespace TEXT NOT NULL,
  name      TEXT NOT NULL,
  placement TEXT NOT NULL,
  digest    TEXT NOT NULL,
  state     {{int}} NOT NULL,
  workloads TEXT NOT NULL,
  since     {{int}} NOT NULL,
  reported  {{int}} NOT NULL,
  round     {{int}} NOT NULL,
  PRIMARY KEY (fleet, cluster, namespace, name)
) {{end}};

CREATE INDEX heads_by_hash ON heads (fleet, hash);
