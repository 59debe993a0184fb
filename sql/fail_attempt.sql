-- Counts a failed attempt that was not counted when it was admitted.
--
-- $1  key of the account, or NULL  $3  failures before the first wait     $7  the first wait, in ms
-- $2  key of the network, or NULL  $4  how long one is remembered, in ms
--                                $5, $6  the same two of a network   $8  failures remembered
--                                                                        beyond $3 and $5
--
-- The network's row comes first, as in gatepost.admit_attempt. A key that need not wait gets a time long
-- past: the time of this statement would be in the future for one that began a moment earlier. A time
-- farther ahead than is possible was written before the clock was set back, and is not kept (see
-- gatepost.admit_attempt).
WITH lazily AS MATERIALIZED (
    -- The count need not be on disk: a crash of PostgreSQL may lose those of the last moment.
    SELECT set_config('synchronous_commit', 'off', true)
), network_counted AS (
    INSERT INTO gatepost.attempts AS a (key, forgotten_at, retry_at)
    SELECT $2, now() + $6 * interval '1 ms', 'epoch' FROM lazily WHERE $2 IS NOT NULL
    ON CONFLICT (key) DO UPDATE SET
        forgotten_at = least(greatest(a.forgotten_at, now()) + $6 * interval '1 ms',
                             now() + ($5 + $8) * $6 * interval '1 ms'),
        retry_at = (
            SELECT coalesce(greatest(wait, CASE WHEN failures >= $5 THEN now() + interval '1 ms'
                                     * least($6, $7 * power(2, least(failures - $5, 30))) END), 'epoch')
            FROM (SELECT 1 + round(extract(epoch FROM greatest(a.forgotten_at - now(), '0'))
                                   * 1000 / $6) AS failures,
                         CASE WHEN a.retry_at <= clock_timestamp() + $6 * interval '1 ms'
                              THEN a.retry_at END AS wait) AS counted)
    RETURNING key
)
INSERT INTO gatepost.attempts AS a (key, forgotten_at, retry_at)
SELECT $1, now() + $4 * interval '1 ms', 'epoch' FROM lazily
WHERE $1 IS NOT NULL AND (SELECT count(*) FROM network_counted) >= 0
ON CONFLICT (key) DO UPDATE SET
    forgotten_at = least(greatest(a.forgotten_at, now()) + $4 * interval '1 ms',
                         now() + ($3 + $8) * $4 * interval '1 ms'),
    retry_at = (
        SELECT coalesce(greatest(wait, CASE WHEN failures >= $3 THEN now() + interval '1 ms'
                                 * least($4, $7 * power(2, least(failures - $3, 30))) END), 'epoch')
        FROM (SELECT 1 + round(extract(epoch FROM greatest(a.forgotten_at - now(), '0'))
                               * 1000 / $4) AS failures,
                     CASE WHEN a.retry_at <= clock_timestamp() + $4 * interval '1 ms'
                          THEN a.retry_at END AS wait) AS counted)
