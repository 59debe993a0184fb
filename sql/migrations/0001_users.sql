-- Users, and the keys that sign their tokens. Applied as gatepost_owner; each table says what
-- gatepost_app may do with it.

CREATE TABLE gatepost.users (
    id              BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- As it was typed, for people.
    login           TEXT NOT NULL,
    -- Normalised and case-folded, for the constraint and for looking up. Compared byte by byte.
    login_canonical TEXT COLLATE "C" NOT NULL,
    -- A PHC string.
    password_hash   TEXT NOT NULL,
    -- Raised by a password change; an access token of an earlier version is refused.
    token_version   BIGINT NOT NULL DEFAULT 1,
    admin           BOOLEAN NOT NULL DEFAULT false,
    created_at      TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT users_login_canonical_key UNIQUE (login_canonical)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON gatepost.users TO gatepost_app;

CREATE TABLE gatepost.signing_keys (
    -- Instances that start together on an empty table all try generation 1; one wins.
    generation  BIGINT PRIMARY KEY,
    kid         TEXT NOT NULL,
    algorithm   TEXT NOT NULL,
    -- The 32 bytes of an Ed25519 private key (RFC 8032, 5.1.5).
    private_key BYTEA NOT NULL,
    created_at  TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT signing_keys_kid_key UNIQUE (kid)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON gatepost.signing_keys TO gatepost_app;
