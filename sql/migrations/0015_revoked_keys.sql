-- The list of revocations names the API keys that were revoked while tokens of theirs were in use.

CREATE INDEX api_keys_revoked_at_idx ON gatepost.api_keys (revoked_at) WHERE revoked_at IS NOT NULL;
