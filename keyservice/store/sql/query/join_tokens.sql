SELECT hash, fleet, cluster, created, expires, uses, used, revoked FROM tokens
WHERE fleet = $1 AND expires > $2 ORDER BY created, cluster
