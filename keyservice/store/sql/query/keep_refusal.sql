INSERT INTO refusals (fleet, ref, head, tip, reason, since, age) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (fleet, ref) DO UPDATE
SET head = excluded.head, tip = excluded.tip, reason = excluded.reason,
since = excluded.since, age = excluded.age
