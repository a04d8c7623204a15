INSERT INTO members (fleet, cluster, identity, left_at, head, reported, round, complete)
VALUES ($1, $2, $3, 0, '', 0, 0, 0)
ON CONFLICT (fleet, cluster) DO UPDATE SET left_at = 0,
complete = CASE WHEN members.identity = excluded.identity THEN members.complete ELSE 0 END,
identity = excluded.identity
