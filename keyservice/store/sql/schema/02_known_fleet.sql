-- This makes each head say which fleet.yaml it was accepted with.
ALTER TABLE heads ADD COLUMN fleet_serial {{int}} NOT NULL DEFAULT 0;
ALTER TABLE heads ADD COLUMN fleet_digest TEXT NOT NULL DEFAULT '';
ALTER TABLE heads ADD COLUMN root_key TEXT NOT NULL DEFAULT '';
ALTER TABLE heads ADD COLUMN pinned_key TEXT NOT NULL DEFAULT '';
