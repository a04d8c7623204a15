INSERT INTO enrolments (token, public_key, recipient, challenge, begun) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (token) DO UPDATE SET public_key = excluded.public_key, recipient = excluded.recipient,
challenge = excluded.challenge, begun = excluded.begun
