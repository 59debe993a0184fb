-- Messages that wait to leave, what their links and codes prove, and requests for a way back that wait to
-- be looked at.

CREATE TABLE gatepost.proofs (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id    BIGINT NOT NULL REFERENCES gatepost.users (id) ON DELETE CASCADE,
    -- 'verification', 'recovery', 'invitation' or 'undo'.
    kind       TEXT NOT NULL,
    -- Random. Link and code are derived from it with a key that is not here, so a copy of this row opens
    -- nothing. For a recovery it is what the answer to the request said.
    identity   BYTEA NOT NULL,
    -- The address that it is about, as it was typed, and what identifies that.
    email      TEXT NOT NULL,
    email_canonical TEXT NOT NULL,
    -- Whether it was asked for in a network in which the user is known.
    known      BOOLEAN NOT NULL DEFAULT false,
    -- Wrong codes so far.
    tries      BIGINT NOT NULL DEFAULT 0,
    -- Whether it was neither used nor ended.
    live       BOOLEAN NOT NULL DEFAULT true,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now()
        CONSTRAINT proofs_created_at_check
            CHECK (created_at BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59+00'),
    -- NULL: the message has not left.
    expires_at TIMESTAMPTZ
        CONSTRAINT proofs_expires_at_check
            CHECK (expires_at BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59+00'),
    CONSTRAINT proofs_identity_key UNIQUE (identity)
);

CREATE INDEX proofs_user_id_idx ON gatepost.proofs (user_id, kind);
CREATE INDEX proofs_email_idx ON gatepost.proofs (email_canonical, created_at);
CREATE INDEX proofs_created_at_idx ON gatepost.proofs (created_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON gatepost.proofs TO gatepost_app;

CREATE TABLE gatepost.outbox (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- 'mail' or 'event'.
    channel    TEXT NOT NULL,
    -- Not a reference: that a user was deleted is told afterwards.
    user_id    BIGINT NOT NULL,
    kind       TEXT NOT NULL,
    -- Where it goes; NULL for an event.
    address    TEXT,
    -- What its text says, as JSON.
    content    TEXT NOT NULL,
    proof      BIGINT REFERENCES gatepost.proofs (id) ON DELETE CASCADE,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now()
        CONSTRAINT outbox_created_at_check
            CHECK (created_at BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59+00'),
    -- When it is tried, or tried again. Whoever tries it moves this first.
    due_at     TIMESTAMPTZ NOT NULL DEFAULT now()
        CONSTRAINT outbox_due_at_check
            CHECK (due_at BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59+00'),
    -- How often it was refused.
    refusals   BIGINT NOT NULL DEFAULT 0
);

CREATE INDEX outbox_due_at_idx ON gatepost.outbox (channel, due_at);
CREATE INDEX outbox_user_id_idx ON gatepost.outbox (user_id, channel, id);
CREATE INDEX outbox_proof_idx ON gatepost.outbox (proof) WHERE proof IS NOT NULL;

GRANT SELECT, INSERT, UPDATE, DELETE ON gatepost.outbox TO gatepost_app;

-- Requests for a way back. One is written whether or not anybody has the login or address, so that the
-- answer takes the same time, and is looked at a moment later.
CREATE TABLE gatepost.recovery_requests (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    identity   BYTEA NOT NULL,
    -- What identifies the login or the address.
    login      TEXT,
    email      TEXT,
    -- The client's address, if it is known.
    client     TEXT,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now()
        CONSTRAINT recovery_requests_created_at_check
            CHECK (created_at BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59+00')
);

GRANT SELECT, INSERT, UPDATE, DELETE ON gatepost.recovery_requests TO gatepost_app;
