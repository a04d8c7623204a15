DELETE FROM stubs
WHERE fleet = $1 AND put < $2
  AND NOT EXISTS (
    SELECT 1 FROM stub_uses u
    WHERE u.fleet = stubs.fleet AND u.digest = stubs.digest AND (u.ended IS NULL OR u.ended >= $2)
  )
  AND (put < $3 OR EXISTS (
    SELECT 1 FROM stub_uses u WHERE u.fleet = stubs.fleet AND u.digest = stubs.digest
  ))
