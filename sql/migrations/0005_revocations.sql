-- When access tokens that a session handed out were last revoked before their time: by its end,
-- by a password change in it, by a demotion of its user. The list of revocations reads this.

ALTER TABLE gatepost.sessions ADD COLUMN revoked_at TIMESTAMPTZ;

CREATE INDEX sessions_revoked_at_idx ON gatepost.sessions (revoked_at, id)
WHERE revoked_at IS NOT NULL;
