-- Passkeys.

ALTER TABLE gatepost.users
    -- What authenticators know the user by: 32 random bytes, made with the first passkey.
    ADD COLUMN passkey_user_id BYTEA
        CONSTRAINT users_passkey_user_id_check CHECK (octet_length(passkey_user_id) = 32);

ALTER TABLE gatepost.factors
    -- Of kind 'totp' alone.
    ALTER COLUMN secret DROP NOT NULL,
    -- Of kind 'passkey' alone: its name, and its public key as the authenticator wrote it (RFC 9052, 7).
    ADD COLUMN credential_id BYTEA,
    ADD COLUMN public_key    BYTEA,
    -- How often it was used, as far as the authenticator counts.
    ADD COLUMN sign_count    BIGINT,
    ADD COLUMN backed_up     BOOLEAN,
    -- How browsers reach it: words with a space between them.
    ADD COLUMN transports    TEXT,
    ADD CONSTRAINT factors_credential_id_key UNIQUE (credential_id);

-- Challenges that were answered, until they are over: each is good once.
CREATE TABLE gatepost.used_challenges (
    -- The code at the end of the challenge.
    challenge  BYTEA PRIMARY KEY,
    expires_at TIMESTAMPTZ NOT NULL
        CONSTRAINT used_challenges_expires_at_check
            CHECK (expires_at BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59+00')
);

CREATE INDEX used_challenges_expires_at_idx ON gatepost.used_challenges (expires_at);

GRANT SELECT, INSERT, DELETE ON gatepost.used_challenges TO gatepost_app;
