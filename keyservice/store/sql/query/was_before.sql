SELECT count(*) FROM heads WHERE fleet = $1 AND ref = $2 AND hash = $3
  AND id < (SELECT max(id) FROM heads WHERE fleet = $1 AND ref = $2 AND hash = $4)
