-- Keys of programs that call the API.

CREATE TABLE gatepost.api_keys (
    id           BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name         TEXT COLLATE "C" NOT NULL,
    -- SHA-256 of the key, whose 256 random bits nobody can try out.
    hash         BYTEA NOT NULL,
    -- Words, with a space between them.
    scopes       TEXT NOT NULL,
    created_at   TIMESTAMPTZ NOT NULL DEFAULT now(),
    -- At most a minute behind.
    last_used_at TIMESTAMPTZ,
    -- A revoked key stays to be listed, and leaves its name to another.
    revoked_at   TIMESTAMPTZ,
    CONSTRAINT api_keys_hash_key UNIQUE (hash)
);

CREATE UNIQUE INDEX api_keys_name_key ON gatepost.api_keys (name) WHERE revoked_at IS NULL;

-- What a key may do is decided when it is made.
GRANT SELECT, INSERT (name, hash, scopes), UPDATE (last_used_at, revoked_at)
ON gatepost.api_keys TO gatepost_app;
