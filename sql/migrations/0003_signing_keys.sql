-- Signing keys that follow each other: published before they sign, kept until their tokens are over.

ALTER TABLE gatepost.signing_keys
    -- The raw public key of Ed25519, the uncompressed point of P-256 (SEC 1, 2.3.3). NULL in rows
    -- of before: it follows from the private key.
    ADD COLUMN public_key  BYTEA,
    -- The name of the encryption key; NULL: the private key is not sealed.
    ADD COLUMN sealed_with TEXT,
    -- From when on it signs, by the database's clock.
    ADD COLUMN signs_from  TIMESTAMPTZ,
    -- Erased once another one signs: what was signed can still be verified.
    ALTER COLUMN private_key DROP NOT NULL;

UPDATE gatepost.signing_keys SET signs_from = created_at;

ALTER TABLE gatepost.signing_keys ALTER COLUMN signs_from SET NOT NULL;
