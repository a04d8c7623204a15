-- This has one row for each ref that is followed. Age is in microseconds.
CREATE TABLE looks (
  fleet  TEXT NOT NULL,
  ref    TEXT NOT NULL,
  hash   TEXT NOT NULL,
  number {{int}} NOT NULL,
  began  {{int}} NOT NULL,
  age    {{int}} NOT NULL,
  PRIMARY KEY (fleet, ref)
) {{end}};
