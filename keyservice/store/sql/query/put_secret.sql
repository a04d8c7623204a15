INSERT INTO ledger (fleet, cluster, namespace, name, placement, digest, state, workloads, since, reported, round)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10)
  ON CONFLICT (fleet, cluster, namespace, name) DO UPDATE SET
  since = CASE WHEN ledger.state = excluded.state AND (excluded.digest = '' OR excluded.digest = ledger.digest)
    THEN ledger.since ELSE excluded.since END,
  digest = CASE WHEN excluded.digest = '' THEN ledger.digest ELSE excluded.digest END,
  placement = excluded.placement, state = excluded.state, workloads = excluded.workloads,
  reported = excluded.reported, round = excluded.round
