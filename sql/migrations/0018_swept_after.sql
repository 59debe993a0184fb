-- A refresh moves the end of its session. While the end itself was in an index, each refresh wrote into every
-- index of the table and left its page. The day of the end seldom changes, and PostgreSQL keeps an update that
-- changes nothing in an index within the page, where there is room (a heap-only tuple). So the rows of
-- sessions that are over are removed by the day.

ALTER TABLE gatepost.sessions SET (fillfactor = 85);

ALTER TABLE gatepost.sessions
    ADD COLUMN swept_after DATE GENERATED ALWAYS AS ((expires_at AT TIME ZONE 'UTC')::date) STORED;

CREATE INDEX sessions_swept_after_idx ON gatepost.sessions (swept_after);

DROP INDEX gatepost.sessions_expires_at_idx;
