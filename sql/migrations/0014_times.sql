-- One range for all times, 0001-01-01T00:00:00Z to 9999-12-31T23:59:59Z: what RFC 3339 can write,
-- and so what can be shown, exported and imported. PostgreSQL keeps more, and two infinities.
-- Rows are mended first, each time to the nearest of the range.

-- What ends in infinity never ends; what ended before all time is over all the same.
UPDATE gatepost.users SET expires_at = NULL WHERE expires_at = 'infinity';

UPDATE gatepost.users
SET created_at = least(greatest(created_at, '0001-01-01 00:00:00+00'), '9999-12-31 23:59:59+00'),
    expires_at = CASE WHEN expires_at IS NOT NULL THEN
        least(greatest(expires_at, '0001-01-01 00:00:00+00'), '9999-12-31 23:59:59+00') END
WHERE NOT created_at BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59+00'
OR NOT expires_at BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59+00';

ALTER TABLE gatepost.users
    ADD CONSTRAINT users_created_at_check
        CHECK (created_at BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59+00'),
    ADD CONSTRAINT users_expires_at_check
        CHECK (expires_at BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59+00');

UPDATE gatepost.signing_keys
SET created_at = least(greatest(created_at, '0001-01-01 00:00:00+00'), '9999-12-31 23:59:59+00'),
    signs_from = least(greatest(signs_from, '0001-01-01 00:00:00+00'), '9999-12-31 23:59:59+00')
WHERE NOT created_at BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59+00'
OR NOT signs_from BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59+00';

ALTER TABLE gatepost.signing_keys
    ADD CONSTRAINT signing_keys_created_at_check
        CHECK (created_at BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59+00'),
    ADD CONSTRAINT signing_keys_signs_from_check
        CHECK (signs_from BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59+00');

UPDATE gatepost.refresh_keys
SET used_from = least(greatest(used_from, '0001-01-01 00:00:00+00'), '9999-12-31 23:59:59+00'),
    created_at = least(greatest(created_at, '0001-01-01 00:00:00+00'), '9999-12-31 23:59:59+00')
WHERE NOT used_from BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59+00'
OR NOT created_at BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59+00';

ALTER TABLE gatepost.refresh_keys
    ADD CONSTRAINT refresh_keys_used_from_check
        CHECK (used_from BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59+00'),
    ADD CONSTRAINT refresh_keys_created_at_check
        CHECK (created_at BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59+00');

UPDATE gatepost.sessions
SET created_at = least(greatest(created_at, '0001-01-01 00:00:00+00'), '9999-12-31 23:59:59+00'),
    last_used_at =
        least(greatest(last_used_at, '0001-01-01 00:00:00+00'), '9999-12-31 23:59:59+00'),
    expires_at = least(greatest(expires_at, '0001-01-01 00:00:00+00'), '9999-12-31 23:59:59+00'),
    refreshes_forgotten_at = CASE
        WHEN refreshes_forgotten_at BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59+00'
        THEN refreshes_forgotten_at ELSE 'epoch' END,
    ended_at = CASE WHEN ended_at IS NOT NULL THEN
        least(greatest(ended_at, '0001-01-01 00:00:00+00'), '9999-12-31 23:59:59+00') END,
    revoked_at = CASE WHEN revoked_at IS NOT NULL THEN
        least(greatest(revoked_at, '0001-01-01 00:00:00+00'), '9999-12-31 23:59:59+00') END
WHERE NOT created_at BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59+00'
OR NOT last_used_at BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59+00'
OR NOT expires_at BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59+00'
OR NOT refreshes_forgotten_at BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59+00'
OR NOT ended_at BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59+00'
OR NOT revoked_at BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59+00';

ALTER TABLE gatepost.sessions
    ADD CONSTRAINT sessions_created_at_check
        CHECK (created_at BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59+00'),
    ADD CONSTRAINT sessions_last_used_at_check
        CHECK (last_used_at BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59+00'),
    ADD CONSTRAINT sessions_expires_at_check
        CHECK (expires_at BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59+00'),
    ADD CONSTRAINT sessions_refreshes_forgotten_at_check
        CHECK (refreshes_forgotten_at
               BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59+00'),
    ADD CONSTRAINT sessions_ended_at_check
        CHECK (ended_at BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59+00'),
    ADD CONSTRAINT sessions_revoked_at_check
        CHECK (revoked_at BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59+00');

UPDATE gatepost.api_keys
SET created_at = least(greatest(created_at, '0001-01-01 00:00:00+00'), '9999-12-31 23:59:59+00'),
    last_used_at = CASE WHEN last_used_at IS NOT NULL THEN
        least(greatest(last_used_at, '0001-01-01 00:00:00+00'), '9999-12-31 23:59:59+00') END,
    revoked_at = CASE WHEN revoked_at IS NOT NULL THEN
        least(greatest(revoked_at, '0001-01-01 00:00:00+00'), '9999-12-31 23:59:59+00') END
WHERE NOT created_at BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59+00'
OR NOT last_used_at BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59+00'
OR NOT revoked_at BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59+00';

ALTER TABLE gatepost.api_keys
    ADD CONSTRAINT api_keys_created_at_check
        CHECK (created_at BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59+00'),
    ADD CONSTRAINT api_keys_last_used_at_check
        CHECK (last_used_at BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59+00'),
    ADD CONSTRAINT api_keys_revoked_at_check
        CHECK (revoked_at BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59+00');

-- A count of failures that would never be forgotten would lock somebody out for good.
DELETE FROM gatepost.attempts
WHERE NOT forgotten_at BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59+00'
OR NOT retry_at BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59+00';

ALTER TABLE gatepost.attempts
    ADD CONSTRAINT attempts_forgotten_at_check
        CHECK (forgotten_at BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59+00'),
    ADD CONSTRAINT attempts_retry_at_check
        CHECK (retry_at BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59+00');

UPDATE gatepost.known_networks
SET seen_at = least(greatest(seen_at, '0001-01-01 00:00:00+00'), '9999-12-31 23:59:59+00')
WHERE NOT seen_at BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59+00';

ALTER TABLE gatepost.known_networks
    ADD CONSTRAINT known_networks_seen_at_check
        CHECK (seen_at BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59+00');

-- A row of the audit log is evidence. One with such a time was not written by us, and `audit verify`
-- says so; so it stays as it is, and only new ones are checked.
ALTER TABLE gatepost.audit
    ADD CONSTRAINT audit_at_check
        CHECK (at BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59+00') NOT VALID;

ALTER TABLE gatepost.audit_seals
    ADD CONSTRAINT audit_seals_sealed_at_check
        CHECK (sealed_at BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59+00') NOT VALID;
