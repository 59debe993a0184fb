-- What vouches for keys, so that a row that the service did not write is none.

ALTER TABLE gatepost.signing_keys
    -- A code under the encryption key over all that decides what the row is used for. NULL: written
    -- without one, or before there were codes; `gatepost keys reencrypt` tells what becomes of those.
    ADD COLUMN mac BYTEA;

ALTER TABLE gatepost.refresh_keys ADD COLUMN mac BYTEA;

-- The generations below which no key is accepted, since the ones before may be known to somebody.
-- Only added to: whoever takes over the service cannot lower them. The greatest holds.
CREATE TABLE gatepost.key_floors (
    -- A code under the encryption key over the two.
    mac     BYTEA PRIMARY KEY,
    signing BIGINT NOT NULL,
    refresh BIGINT NOT NULL
);

GRANT SELECT, INSERT ON gatepost.key_floors TO gatepost_app;
