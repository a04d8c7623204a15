UPDATE tokens SET used = used + 1, spent = CASE WHEN used + 1 >= uses THEN $1 ELSE spent END
WHERE hash = $2 AND spent IS NULL AND revoked IS NULL
