-- An attempt succeeded: takes back what was counted when it was admitted, and remembers the
-- network.
--
-- $1, $3  key of the account and until when it makes others wait, or NULL where nothing was counted
-- $2, $4  the same of the network                $5, $6  how long a failure is remembered, in ms
-- $7  key of login and network, or NULL          $8  the user, or NULL to remember no network
-- $9  networks kept of a user besides this one
--
-- The failures of others stay counted. The network's row comes first, as in gatepost.admit_attempt.
WITH network_settled AS (
    UPDATE gatepost.attempts SET
        forgotten_at = forgotten_at - $6 * interval '1 ms',
        retry_at = CASE WHEN retry_at = $4 THEN 'epoch' ELSE retry_at END
    WHERE key = $2 AND $4 IS NOT NULL
    RETURNING key
), account_settled AS (
    UPDATE gatepost.attempts SET
        forgotten_at = forgotten_at - $5 * interval '1 ms',
        retry_at = CASE WHEN retry_at = $3 THEN 'epoch' ELSE retry_at END
    WHERE key = $1 AND $3 IS NOT NULL AND (SELECT count(*) FROM network_settled) >= 0
    RETURNING key
), surplus AS (
    DELETE FROM gatepost.known_networks
    WHERE user_id = $8 AND network IN (
        SELECT network FROM gatepost.known_networks WHERE user_id = $8 AND network <> $7
        ORDER BY seen_at DESC, network OFFSET $9)
)
INSERT INTO gatepost.known_networks AS k (network, user_id)
SELECT $7, $8 WHERE $7 IS NOT NULL AND $8 IS NOT NULL
ON CONFLICT (network) DO UPDATE SET seen_at = now()
