-- Who did what to whom. gatepost_app may add and read, so that whoever takes over the service
-- cannot take back what it has written; the owner may also remove, for `audit prune`.

CREATE TABLE gatepost.audit (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         TIMESTAMPTZ NOT NULL,
    -- 'user' or 'key' with an id, 'anonymous', or 'operator': the command line, or an embedding program.
    actor      TEXT NOT NULL,
    actor_id   BIGINT,
    action     TEXT NOT NULL,
    -- The user whom it happened to. No foreign key: the record outlives the user.
    user_id    BIGINT,
    -- A keyed hash of a login that nobody has.
    login_hash BYTEA,
    address    TEXT,
    outcome    TEXT NOT NULL,
    detail     TEXT,
    -- Random, so that no two rows are alike.
    nonce      BYTEA NOT NULL,
    -- A keyed hash of all of it but the id. Unique, so that no row is written a second time.
    mac        BYTEA NOT NULL CONSTRAINT audit_mac_key UNIQUE
);

-- The id is the database's to give: with one of its own a row could stand before or behind all.
GRANT SELECT, INSERT (at, actor, actor_id, action, user_id, login_hash, address, outcome, detail,
                      nonce, mac)
    ON gatepost.audit TO gatepost_app;

CREATE TABLE gatepost.audit_seals (
    -- Without gaps from 1, or from the last that was pruned.
    number    BIGINT PRIMARY KEY,
    sealed_at TIMESTAMPTZ NOT NULL,
    -- The ids of the rows that it seals, eight bytes each.
    rows      BYTEA NOT NULL,
    -- The greatest id that this or an earlier seal holds.
    last_id   BIGINT NOT NULL,
    -- A keyed hash of the seal before, of this one, and of the rows' own.
    mac       BYTEA NOT NULL
);

GRANT SELECT, INSERT ON gatepost.audit_seals TO gatepost_app;
