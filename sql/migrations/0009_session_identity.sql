-- What tells a session from another that gets its number, once a database was set back: 16 random
-- bytes, which tokens carry. Nothing is looked up by it, so it has no index.

ALTER TABLE gatepost.sessions
    -- The service gives it. The default (122 random bits) is for rows that are here already, and for
    -- instances of before that still run; their tokens do not carry it and are good for nobody else.
    ADD COLUMN identity BYTEA NOT NULL DEFAULT uuid_send(gen_random_uuid())
    CONSTRAINT sessions_identity_check CHECK (octet_length(identity) = 16);

-- No token carries the identity of a session of before, so these are over. They stay listed for a
-- day, which is as long as an access token may live.
UPDATE gatepost.sessions
SET ended_at = now(), revoked_at = clock_timestamp(), expires_at = now() + interval '1 day'
WHERE ended_at IS NULL AND expires_at > now();
