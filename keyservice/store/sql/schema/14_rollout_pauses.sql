-- An operator lets nothing of a placement start anew until a time: pace, and no access.
CREATE TABLE rollout_pauses (
  fleet     TEXT NOT NULL,
  placement TEXT NOT NULL,
  reason    TEXT NOT NULL,
  person    TEXT NOT NULL,
  since     {{int}} NOT NULL,
  until     {{int}} NOT NULL,
  PRIMARY KEY (fleet, placement)
) {{end}};
