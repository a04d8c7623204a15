-- This keeps what each cluster said of itself last, as the protocol writes
-- it.
CREATE TABLE cluster_states (
  fleet   TEXT NOT NULL,
  cluster TEXT NOT NULL,
  state   {{bytes}} NOT NULL,
  PRIMARY KEY (fleet, cluster)
) {{end}};
