SELECT p.cluster, p.digest, MIN(h.accepted)
FROM placed p JOIN heads h ON h.fleet = p.fleet AND h.hash = p.head
WHERE p.fleet = $1 AND ($2 = '' OR p.cluster = $2) GROUP BY p.cluster, p.digest
