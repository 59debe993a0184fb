-- Sessions, and the keys from which their refresh tokens are derived.

CREATE TABLE gatepost.refresh_keys (
    -- Instances that generate the next key together try the same generation; one wins.
    generation  BIGINT PRIMARY KEY,
    -- 32 random bytes, sealed where there is an encryption key.
    secret      BYTEA NOT NULL,
    -- The name of the encryption key; NULL: the secret is not sealed.
    sealed_with TEXT,
    -- From when on new sessions take it; other instances know it by then.
    used_from   TIMESTAMPTZ NOT NULL DEFAULT now(),
    created_at  TIMESTAMPTZ NOT NULL DEFAULT now()
);

GRANT SELECT, INSERT, UPDATE, DELETE ON gatepost.refresh_keys TO gatepost_app;

CREATE TABLE gatepost.sessions (
    id             BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- No foreign key: an ended session outlives its user until its last access token is over.
    user_id        BIGINT NOT NULL,
    -- The key that its refresh tokens are derived from, the same for all its life.
    key_generation BIGINT NOT NULL,
    -- The number of the one refresh token that is good.
    counter        BIGINT NOT NULL DEFAULT 0,
    -- When those before it were retired, as far as the grace still matters: milliseconds since
    -- 1970-01-01 UTC, 8 bytes each, the newest first.
    retired        BYTEA NOT NULL DEFAULT '',
    created_at     TIMESTAMPTZ NOT NULL DEFAULT now(),
    last_used_at   TIMESTAMPTZ NOT NULL DEFAULT now(),
    -- While it lives: when it will be over unless it is used. Once ended: when its last access
    -- token is over. Either way it is swept afterwards.
    expires_at     TIMESTAMPTZ NOT NULL,
    -- When it was ended, by a logout, a password change, a deletion, or a stolen token.
    ended_at       TIMESTAMPTZ,
    -- What opened it, for people to tell their sessions apart.
    address        TEXT,
    user_agent     TEXT
);

CREATE INDEX sessions_user_id_idx ON gatepost.sessions (user_id, id);
CREATE INDEX sessions_expires_at_idx ON gatepost.sessions (expires_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON gatepost.sessions TO gatepost_app;
