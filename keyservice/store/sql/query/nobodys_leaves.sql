SELECT count(*) FROM (SELECT max(log) AS log FROM leaves) AS newest
  WHERE log IS NOT NULL AND log NOT IN (SELECT id FROM logs)
