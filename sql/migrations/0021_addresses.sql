-- The address of a user, to which a way back into the account can be sent.

ALTER TABLE gatepost.users
    -- As it was typed.
    ADD COLUMN email           TEXT,
    -- What identifies it: its domain as DNS has it, in lower case.
    ADD COLUMN email_canonical TEXT,
    -- Whether the user has shown that mail to it arrives.
    ADD COLUMN email_verified  BOOLEAN NOT NULL DEFAULT false,
    -- What takes its place once that is shown of this one.
    ADD COLUMN pending_email   TEXT,
    ADD CONSTRAINT users_email_check CHECK ((email IS NULL) = (email_canonical IS NULL)),
    ADD CONSTRAINT users_email_verified_check CHECK (email IS NOT NULL OR NOT email_verified),
    ADD CONSTRAINT users_pending_email_check CHECK (email_verified OR pending_email IS NULL);

-- An address that nobody has proved blocks nobody.
CREATE UNIQUE INDEX users_verified_email_key ON gatepost.users (email_canonical) WHERE email_verified;

-- Whose address is this?
CREATE INDEX users_email_idx ON gatepost.users (email_canonical, id) WHERE email_canonical IS NOT NULL;
