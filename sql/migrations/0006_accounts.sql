-- Accounts that an admin has locked, or that end by themselves. gatepost_app's rights on the table
-- hold for these columns too.

ALTER TABLE gatepost.users
    ADD COLUMN locked     BOOLEAN NOT NULL DEFAULT false,
    -- From then on the account is as good as locked; NULL for never.
    ADD COLUMN expires_at TIMESTAMPTZ;
