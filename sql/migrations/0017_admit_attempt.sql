-- Whether an attempt may be made is decided by a function, since its plan stays in the memory of the
-- server's process then. As the text of a statement it was parsed and planned for each login where
-- statements are not prepared, as behind a pooler: 0.7 ms in place of 0.2.
--
-- A function is never replaced: a later version has another name, so that older programs keep theirs.
--
-- It decides whether an attempt may be made now, and returns one row.
--
-- $1  key of the login                           $5  how long one failure is remembered, in ms
-- $2  key of the network, or NULL                $6, $7  the same two of a network
-- $3  key of login and network, or NULL          $8  the first wait, in ms
-- $4  failures of a login before the first wait  $9  failures remembered beyond $4 and $6
--
-- If the login is known to come from this network, only that pair counts. While failures are left, an
-- attempt is let in, and counted if it fails. Once none is left, it is counted now, so that one attempt
-- at a time gets through at the end of a wait and not a crowd. The condition on retry_at is checked
-- again on the locked row: of two attempts at once, the second sees the first. The network comes before
-- the login, here and wherever both rows are taken, so that nobody deadlocks; and a network that must
-- wait counts nothing against the login. Refusals write nothing.
--
-- A time that is farther ahead than the longest wait was written before the clock was set back, and does
-- not count. It is measured from clock_timestamp(), since another attempt may have begun after now().
CREATE FUNCTION gatepost.admit_attempt(
    login_key BYTEA, network_key BYTEA, pair_key BYTEA,
    login_failures BIGINT, login_forget BIGINT, network_failures BIGINT, network_forget BIGINT,
    first_wait BIGINT, beyond BIGINT
) RETURNS TABLE (
    account_until TIMESTAMPTZ, network_until TIMESTAMPTZ,
    known BOOLEAN, known_today BOOLEAN, wait_ms BIGINT
) LANGUAGE plpgsql AS $body$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        WITH known AS (
            SELECT seen_at FROM gatepost.known_networks
            WHERE network = $3 AND seen_at > now() - interval '90 days'
        ), account AS (
            SELECT CASE WHEN EXISTS (SELECT FROM known) THEN $3 ELSE $1 END AS key
        ), counts AS (
            SELECT key, false AS is_network,
                   CASE WHEN retry_at <= clock_timestamp() + $5 * interval '1 ms' THEN retry_at END AS retry_at,
                   least($4 + $9, round(extract(epoch FROM greatest(forgotten_at - now(), '0')) * 1000 / $5))
                       AS failures
            FROM gatepost.attempts JOIN account USING (key)
            UNION ALL
            SELECT key, true,
                   CASE WHEN retry_at <= clock_timestamp() + $7 * interval '1 ms' THEN retry_at END,
                   least($6 + $9, round(extract(epoch FROM greatest(forgotten_at - now(), '0')) * 1000 / $7))
            FROM gatepost.attempts WHERE key = $2 AND NOT EXISTS (SELECT FROM known)
        ), waiting AS (
            SELECT max(retry_at) AS until FROM counts WHERE retry_at > now()
        ), full_network AS (
            SELECT key, failures FROM counts WHERE is_network AND failures >= $6
        ), full_account AS (
            SELECT key, failures FROM counts WHERE NOT is_network AND failures >= $4
        ), network_counted AS (
            UPDATE gatepost.attempts AS a SET
                forgotten_at = least(greatest(forgotten_at, now()) + $7 * interval '1 ms',
                                     now() + ($6 + $9) * $7 * interval '1 ms'),
                retry_at = now() + least($7, $8 * power(2, least(failures + 1 - $6, 30))) * interval '1 ms'
            FROM full_network, waiting
            WHERE a.key = full_network.key AND until IS NULL
                AND (a.retry_at <= now() OR a.retry_at > clock_timestamp() + $7 * interval '1 ms')
            RETURNING a.retry_at
        ), account_counted AS (
            UPDATE gatepost.attempts AS a SET
                forgotten_at = least(greatest(forgotten_at, now()) + $5 * interval '1 ms',
                                     now() + ($4 + $9) * $5 * interval '1 ms'),
                retry_at = now() + least($5, $8 * power(2, least(failures + 1 - $4, 30))) * interval '1 ms'
            FROM full_account, waiting
            WHERE a.key = full_account.key AND until IS NULL
                AND (a.retry_at <= now() OR a.retry_at > clock_timestamp() + $5 * interval '1 ms')
                AND (NOT EXISTS (SELECT FROM full_network) OR EXISTS (SELECT FROM network_counted))
            RETURNING a.retry_at
        ), outcome AS (
            SELECT (SELECT retry_at FROM account_counted) AS account_until,
                   (SELECT retry_at FROM network_counted) AS network_until,
                   EXISTS (SELECT FROM known) AS known,
                   EXISTS (SELECT FROM known WHERE seen_at > now() - interval '1 day') AS known_today,
                   CASE WHEN until IS NOT NULL THEN ceil(extract(epoch FROM until - now()) * 1000)::bigint
                        -- Another attempt has just taken the place: wait as if for the first time.
                        WHEN EXISTS (SELECT FROM full_network) AND NOT EXISTS (SELECT FROM network_counted)
                            OR EXISTS (SELECT FROM full_account) AND NOT EXISTS (SELECT FROM account_counted)
                        THEN $8
                   END AS wait_ms
            FROM waiting
        )
        SELECT o.account_until, o.network_until, o.known, o.known_today, o.wait_ms FROM outcome AS o;
END
$body$;
REVOKE ALL ON FUNCTION gatepost.admit_attempt FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gatepost.admit_attempt TO gatepost_app;
