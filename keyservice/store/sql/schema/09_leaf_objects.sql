-- This finds entries by objects beyond the one in their row. Leaves
-- from before name one object at most.
CREATE TABLE leaf_objects (
  log    {{int}} NOT NULL,
  idx    {{int}} NOT NULL,
  object TEXT NOT NULL,
  PRIMARY KEY (log, object, idx)
) {{end}};
