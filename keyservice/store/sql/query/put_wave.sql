INSERT INTO rollouts (fleet, placement, release, wave, since, passed) VALUES ($1, $2, $3, $4, $5, $6)
  ON CONFLICT (fleet, placement, release, wave) DO UPDATE SET since = excluded.since,
    passed = CASE WHEN rollouts.passed = 0 THEN excluded.passed ELSE rollouts.passed END
