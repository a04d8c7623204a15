-- What an operator let a wave pass counts until a time; 0 for what passed by itself.
ALTER TABLE rollouts ADD COLUMN until {{int}} NOT NULL DEFAULT 0;
