-- Failed attempts, and the networks from which users have logged in. Neither table holds anything
-- readable: a mistyped login is often a password, so logins and networks are keyed hashes.

CREATE TABLE gatepost.attempts (
    -- One byte for what is counted, then 16 bytes of a keyed hash of whose it is.
    key          BYTEA PRIMARY KEY,
    -- When the last of the failures will have been forgotten: each failure moves this by the time
    -- that it takes to forget one. A row whose time has come says nothing, and is swept.
    forgotten_at TIMESTAMPTZ NOT NULL,
    -- Until then nothing is tried.
    retry_at     TIMESTAMPTZ NOT NULL
) WITH (fillfactor = 70);

GRANT SELECT, INSERT, UPDATE, DELETE ON gatepost.attempts TO gatepost_app;

CREATE TABLE gatepost.known_networks (
    -- A keyed hash of login and network together.
    network BYTEA PRIMARY KEY,
    user_id BIGINT NOT NULL REFERENCES gatepost.users (id) ON DELETE CASCADE,
    seen_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

CREATE INDEX known_networks_user_id_idx ON gatepost.known_networks (user_id);

GRANT SELECT, INSERT, UPDATE, DELETE ON gatepost.known_networks TO gatepost_app;

-- The secret behind keyed hashes.
CREATE TABLE gatepost.server_secrets (
    name        TEXT PRIMARY KEY,
    secret      BYTEA NOT NULL,
    -- The name of the encryption key; NULL: the secret is not sealed.
    sealed_with TEXT
);

GRANT SELECT, INSERT, UPDATE ON gatepost.server_secrets TO gatepost_app;

-- When the last refresh of the session will have been forgotten, as attempts are.
ALTER TABLE gatepost.sessions
    ADD COLUMN refreshes_forgotten_at TIMESTAMPTZ NOT NULL DEFAULT 'epoch';
