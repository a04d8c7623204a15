INSERT INTO cluster_states (fleet, cluster, state) VALUES ($1, $2, $3)
  ON CONFLICT (fleet, cluster) DO UPDATE SET state = excluded.state
