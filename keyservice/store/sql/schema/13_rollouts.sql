-- This keeps how far a release of a placement came in its waves. It is made of
-- hearsay: it may hold a release back, and opens nothing.
CREATE TABLE rollouts (
  fleet     TEXT NOT NULL,
  placement TEXT NOT NULL,
  release   TEXT NOT NULL,
  wave      TEXT NOT NULL,
  since     {{int}} NOT NULL,
  passed    {{int}} NOT NULL,
  PRIMARY KEY (fleet, placement, release, wave)
) {{end}};
