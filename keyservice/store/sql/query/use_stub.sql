INSERT INTO stub_uses (fleet, ref, digest, ended) VALUES ($1, $2, $3, NULL)
ON CONFLICT (fleet, ref, digest) DO UPDATE SET ended = NULL
