INSERT INTO rollouts (fleet, placement, release, wave, since, passed, until) VALUES ($1, $2, $3, $4, $5, $6, $7)
  ON CONFLICT (fleet, placement, release, wave) DO UPDATE SET since = excluded.since,
    passed = CASE WHEN excluded.passed = 0 OR rollouts.passed <> 0 AND rollouts.until = 0
        OR excluded.until <> 0 AND excluded.passed < rollouts.passed
      THEN rollouts.passed ELSE excluded.passed END,
    until = CASE WHEN excluded.passed = 0 OR rollouts.passed <> 0 AND rollouts.until = 0
        OR excluded.until <> 0 AND excluded.passed < rollouts.passed
      THEN rollouts.until ELSE excluded.until END
