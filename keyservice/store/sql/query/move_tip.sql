INSERT INTO lineages (fleet, cluster, identity, tip, since) VALUES ($1, $2, $3, $4, $5)
  ON CONFLICT (fleet, cluster, identity) DO UPDATE SET tip = excluded.tip, since = excluded.since
