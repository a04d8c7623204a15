-- This keeps what was lifted and what ended too: ids only grow, so that
-- the greatest tells whether anything was denied since it was read.
CREATE TABLE denials (
  id        {{serial}},
  fleet     TEXT NOT NULL,
  cluster   TEXT NOT NULL,
  placement TEXT NOT NULL,
  digest    TEXT NOT NULL,
  payloads  TEXT NOT NULL,
  reason    TEXT NOT NULL,
  person    TEXT NOT NULL,
  since     {{int}} NOT NULL,
  until     {{int}} NOT NULL,
  lifted    {{int}}
) {{end}};
CREATE INDEX denials_by_fleet ON denials (fleet, id);
CREATE INDEX denials_in_force ON denials (fleet, until) WHERE lifted IS NULL;
