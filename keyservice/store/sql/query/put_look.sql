INSERT INTO looks (fleet, ref, hash, number, began, age) VALUES ($1, $2, $3, $4, $5, $6)
  ON CONFLICT (fleet, ref) DO UPDATE
  SET hash = excluded.hash, number = excluded.number, began = excluded.began, age = excluded.age
