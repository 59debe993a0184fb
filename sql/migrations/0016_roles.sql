-- Roles, groups and attributes, and indexes for what lists of users and entries are filtered by.

-- All defaults are constants, so no row is written again.
ALTER TABLE gatepost.users
    ADD COLUMN roles              TEXT[] NOT NULL DEFAULT '{}',
    ADD COLUMN groups             TEXT[] NOT NULL DEFAULT '{}',
    -- A JSON object, as text: it is never searched.
    ADD COLUMN public_attributes  TEXT
        CONSTRAINT users_public_attributes_check
            CHECK (json_typeof(public_attributes::json) = 'object'),
    ADD COLUMN private_attributes TEXT
        CONSTRAINT users_private_attributes_check
            CHECK (json_typeof(private_attributes::json) = 'object');

-- An index over the elements of users.roles and users.groups, in which a page of a role's users costs
-- a page. (A GIN index finds all of them at once, which are then sorted.) The columns say what is
-- true, and whoever writes them writes this too, in the same transaction.
CREATE TABLE gatepost.memberships (
    user_id BIGINT NOT NULL,
    -- 'role' or 'group'.
    kind    TEXT COLLATE "C" NOT NULL,
    name    TEXT COLLATE "C" NOT NULL,
    CONSTRAINT memberships_pkey PRIMARY KEY (kind, name, user_id),
    CONSTRAINT memberships_user_id_fkey
        FOREIGN KEY (user_id) REFERENCES gatepost.users ON DELETE CASCADE
);

-- For the reference.
CREATE INDEX memberships_user_id_idx ON gatepost.memberships (user_id);

GRANT SELECT, INSERT, DELETE ON gatepost.memberships TO gatepost_app;

-- Two, and not one over (locked, id): the planner thinks that those who are not locked are everywhere,
-- and would walk the primary key past a million who are.
CREATE INDEX users_locked_idx ON gatepost.users (id) WHERE locked;
CREATE INDEX users_not_locked_idx ON gatepost.users (id) WHERE NOT locked;
CREATE INDEX users_created_at_idx ON gatepost.users (created_at, id);

-- What the log says about a user, for the export that the user may ask for.
CREATE INDEX audit_user_id_idx ON gatepost.audit (user_id, id) WHERE user_id IS NOT NULL;
