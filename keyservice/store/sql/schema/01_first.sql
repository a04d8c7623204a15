-- The first tables.
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
