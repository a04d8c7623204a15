-- This lets the authority be succeeded, and keeps which certificate
-- was renewed from which: a lineage's tip is the newest one that was used.
CREATE TABLE authorities (
  fleet       TEXT NOT NULL,
  generation  {{int}} NOT NULL,
  role        TEXT NOT NULL,
  certificate {{bytes}} NOT NULL,
  forward     {{bytes}},
  back        {{bytes}},
  starts      {{int}} NOT NULL,
  ends        {{int}},
  PRIMARY KEY (fleet, generation)
) {{end}};
INSERT INTO authorities (fleet, generation, role, certificate, starts)
	SELECT fleet, 1, 'ca', certificate, 0 FROM authority;
DROP TABLE authority;

ALTER TABLE certificates ADD COLUMN parent TEXT NOT NULL DEFAULT '';
ALTER TABLE certificates ADD COLUMN used {{int}};

CREATE TABLE lineages (
  fleet    TEXT NOT NULL,
  cluster  TEXT NOT NULL,
  identity TEXT NOT NULL,
  tip      TEXT NOT NULL,
  since    {{int}} NOT NULL,
  PRIMARY KEY (fleet, cluster, identity)
) {{end}};
