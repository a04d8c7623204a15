-- This holds what operators accepted. Spent is when it was used, or when
-- another was used in its place.
CREATE TABLE rewrites (
  id        {{serial}},
  fleet     TEXT NOT NULL,
  ref       TEXT NOT NULL,
  from_head TEXT NOT NULL,
  to_head   TEXT NOT NULL,
  person    TEXT NOT NULL,
  accepted  {{int}} NOT NULL,
  spent     {{int}}
) {{end}};
CREATE INDEX rewrites_by_head ON rewrites (fleet, ref, from_head, id);
