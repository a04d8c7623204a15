INSERT INTO enrolments (token, cluster, public_key, recipient, challenge, begun) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (token, cluster) DO UPDATE SET public_key = excluded.public_key, recipient = excluded.recipient,
challenge = excluded.challenge, begun = excluded.begun
