SELECT size, last, checkpoint,
  (SELECT coalesce(max(idx) + 1, 0) FROM leaves WHERE log = logs.id) FROM logs WHERE fleet = $1
