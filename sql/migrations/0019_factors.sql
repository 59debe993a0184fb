-- Second factors, and how strongly and how lately a session's user has proved who they are.

ALTER TABLE gatepost.sessions
    -- When that was; NULL while it is the moment at which the session was opened.
    ADD COLUMN authenticated_at TIMESTAMPTZ
        CONSTRAINT sessions_authenticated_at_check
            CHECK (authenticated_at BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59+00'),
    -- How: words of RFC 8176, with a space between them.
    ADD COLUMN amr TEXT NOT NULL DEFAULT 'pwd';

ALTER TABLE gatepost.users
    -- Whether a confirmed factor stands in gatepost.factors: so a login that needs none reads no more
    -- than before, and those with and without one take the same time.
    ADD COLUMN second_factor BOOLEAN NOT NULL DEFAULT false,
    -- When the user was first told that a second factor is required.
    ADD COLUMN mfa_asked_at TIMESTAMPTZ
        CONSTRAINT users_mfa_asked_at_check
            CHECK (mfa_asked_at BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59+00');

CREATE TABLE gatepost.factors (
    id           BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id      BIGINT NOT NULL REFERENCES gatepost.users (id) ON DELETE CASCADE,
    -- 'totp'.
    kind         TEXT NOT NULL,
    -- What the user calls it.
    name         TEXT NOT NULL,
    -- What its codes are made from.
    secret       BYTEA NOT NULL,
    -- The name of the encryption key; NULL: the secret is not sealed.
    sealed_with  TEXT,
    -- The time step of the last code that was used (RFC 6238, 5.2), and of none before.
    last_step    BIGINT NOT NULL DEFAULT 0,
    created_at   TIMESTAMPTZ NOT NULL DEFAULT now()
        CONSTRAINT factors_created_at_check
            CHECK (created_at BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59+00'),
    -- NULL: the user has not shown a code of it yet, so it counts for nothing.
    confirmed_at TIMESTAMPTZ
        CONSTRAINT factors_confirmed_at_check
            CHECK (confirmed_at BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59+00'),
    last_used_at TIMESTAMPTZ
        CONSTRAINT factors_last_used_at_check
            CHECK (last_used_at BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59+00')
);

CREATE INDEX factors_user_id_idx ON gatepost.factors (user_id, id);

GRANT SELECT, INSERT, UPDATE, DELETE ON gatepost.factors TO gatepost_app;

CREATE TABLE gatepost.recovery_codes (
    user_id BIGINT NOT NULL REFERENCES gatepost.users (id) ON DELETE CASCADE,
    -- SHA-256 of the code, whose 120 random bits nobody can try out.
    hash    BYTEA NOT NULL,
    CONSTRAINT recovery_codes_pkey PRIMARY KEY (user_id, hash)
);

GRANT SELECT, INSERT, DELETE ON gatepost.recovery_codes TO gatepost_app;
