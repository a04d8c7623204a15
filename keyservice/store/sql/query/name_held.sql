SELECT COUNT(*), COUNT(CASE WHEN identity = $3 THEN 1 END) FROM certificates WHERE fleet = $1 AND cluster = $2
