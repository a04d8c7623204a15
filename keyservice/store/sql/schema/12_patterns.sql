-- This lets one token enrol many names, each once. What was begun is of seconds
-- ago: it begins anew. A name is taken once a certificate has it.
ALTER TABLE tokens ADD COLUMN uses {{int}} NOT NULL DEFAULT 1;
ALTER TABLE tokens ADD COLUMN used {{int}} NOT NULL DEFAULT 0;
ALTER TABLE tokens ADD COLUMN revoked {{int}};

DROP TABLE enrolments;
CREATE TABLE enrolments (
  token      {{bytes}} NOT NULL REFERENCES tokens (hash),
  cluster    TEXT NOT NULL,
  public_key {{bytes}} NOT NULL,
  recipient  TEXT NOT NULL,
  challenge  {{bytes}} NOT NULL,
  begun      {{int}} NOT NULL,
  PRIMARY KEY (token, cluster)
) {{end}};

CREATE INDEX certificates_by_cluster ON certificates (fleet, cluster);
