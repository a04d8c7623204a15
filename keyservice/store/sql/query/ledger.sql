SELECT l.cluster, l.namespace, l.name, l.placement, l.digest, l.state, l.workloads, l.since, l.reported,
CASE WHEN p.digest IS NULL THEN 1 ELSE 0 END
FROM ledger l LEFT JOIN placed p ON p.fleet = l.fleet AND p.cluster = l.cluster AND p.digest = l.digest
WHERE l.fleet = $1 AND ($2 = '' OR l.cluster = $2) ORDER BY l.cluster, l.namespace, l.name
