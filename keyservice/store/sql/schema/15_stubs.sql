-- Stubs that references in Git name: ciphertext alone, never changed.
CREATE TABLE stubs (
  fleet  TEXT NOT NULL,
  digest TEXT NOT NULL,
  data   {{bytes}} NOT NULL,
  size   {{int}} NOT NULL,
  person TEXT NOT NULL,
  put    {{int}} NOT NULL,
  PRIMARY KEY (fleet, digest)
) {{end}};
CREATE INDEX stubs_by_person ON stubs (fleet, person);
-- Whether the accepted head of a ref names a stub (then ended is null), or when the
-- last head that did was left.
CREATE TABLE stub_uses (
  fleet  TEXT NOT NULL,
  ref    TEXT NOT NULL,
  digest TEXT NOT NULL,
  ended  {{int}},
  PRIMARY KEY (fleet, ref, digest)
) {{end}};
CREATE INDEX stub_uses_by_digest ON stub_uses (fleet, digest);
