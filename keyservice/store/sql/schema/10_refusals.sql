-- This has one row for each ref that is followed. Age is in microseconds.
CREATE TABLE refusals (
  fleet  TEXT NOT NULL,
  ref    TEXT NOT NULL,
  head   TEXT NOT NULL,
  tip    TEXT NOT NULL,
  reason TEXT NOT NULL,
  since  {{int}} NOT NULL,
  age    {{int}} NOT NULL,
  PRIMARY KEY (fleet, ref)
) {{end}};
