-- Whatever asks for the sessions of a user asks for those that live, and a user who logs in all day
-- leaves thousands that have ended. An index of all of them made each login walk through these.

CREATE INDEX sessions_live_idx ON gatepost.sessions (user_id, id) WHERE ended_at IS NULL;

DROP INDEX gatepost.sessions_user_id_idx;
