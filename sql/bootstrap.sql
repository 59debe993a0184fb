-- What a PostgreSQL administrator makes once for Gatepost: two roles, a database, a schema. That is a
-- superuser, or a role with CREATEROLE and CREATEDB, as managed servers have it. Running it again changes
-- nothing. If something exists and is not as it must be, it is put right with a warning,
-- provided that nothing else can have been meant. If it belongs to someone else, the script stops and
-- says so. `gatepost database create` runs this file and sets the roles' passwords. Without passwords,
-- this does the same:
--
--     psql -v ON_ERROR_STOP=1 -d postgres -f sql/bootstrap.sql
--
-- Lines that begin with a backslash are psql's; Gatepost understands the three used here.

SET password_encryption = 'scram-sha-256';

DO $$
DECLARE
    problem TEXT;
    name TEXT;
BEGIN
    -- The checks that stop the script come first, so that it changes nothing then.
    SELECT format('the database gatepost belongs to the role %s: rename or drop it, or give it away '
                  'with ALTER DATABASE gatepost OWNER TO gatepost_owner', owner.rolname)
    INTO problem
    FROM pg_catalog.pg_database AS base
    JOIN pg_catalog.pg_roles AS owner ON owner.oid = base.datdba
    WHERE base.datname = 'gatepost' AND owner.rolname <> 'gatepost_owner' AND NOT owner.rolsuper;
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION '%', problem;
    END IF;
    SELECT format('the database gatepost has the encoding %s, and Gatepost needs UTF8: rename or drop it',
                  pg_catalog.pg_encoding_to_char(encoding))
    INTO problem
    FROM pg_catalog.pg_database
    WHERE datname = 'gatepost' AND pg_catalog.pg_encoding_to_char(encoding) <> 'UTF8';
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION '%', problem;
    END IF;
    SELECT format('the role %s has more rights than Gatepost''s promises allow: '
                  'ALTER ROLE %s NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS',
                  rolname, rolname)
    INTO problem
    FROM pg_catalog.pg_roles
    WHERE rolname IN ('gatepost_owner', 'gatepost_app')
        AND (rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls);
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION '%', problem;
    END IF;
    SELECT 'the role gatepost_app is a member of gatepost_owner, whose rights it has: '
           'REVOKE gatepost_owner FROM gatepost_app'
    INTO problem
    FROM pg_catalog.pg_auth_members AS membership
    JOIN pg_catalog.pg_roles AS member ON member.oid = membership.member
    JOIN pg_catalog.pg_roles AS role ON role.oid = membership.roleid
    WHERE member.rolname = 'gatepost_app' AND role.rolname = 'gatepost_owner';
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION '%', problem;
    END IF;
    FOREACH name IN ARRAY ARRAY['gatepost_owner', 'gatepost_app'] LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION', name);
        ELSIF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = name AND NOT rolcanlogin) THEN
            EXECUTE format('ALTER ROLE %I LOGIN', name);
            RAISE WARNING '%: could not log in (NOLOGIN), and can now', name;
        END IF;
    END LOOP;
END
$$;

-- Whoever is no superuser gives a database to a role, and makes something in it, as a member of that role.
DO $$
DECLARE
    options TEXT := CASE WHEN current_setting('server_version_num')::int >= 160000
                         THEN ' WITH INHERIT TRUE, SET TRUE' ELSE '' END;
BEGIN
    IF NOT pg_catalog.pg_has_role(current_user, 'gatepost_owner', 'USAGE') THEN
        EXECUTE format('GRANT gatepost_owner TO %I%s', current_user, options);
        RAISE WARNING 'the role % is no superuser, and is a member of gatepost_owner now, as it must be to make '
            'the database', current_user;
    END IF;
END
$$;

-- For the service's role only: the owner's migrations may take longer.
ALTER ROLE gatepost_app SET statement_timeout = '5s';
ALTER ROLE gatepost_app SET lock_timeout = '2s';
ALTER ROLE gatepost_app SET idle_in_transaction_session_timeout = '10s';

\echo the database

SELECT 'CREATE DATABASE gatepost OWNER gatepost_owner ENCODING ''UTF8'' TEMPLATE template0'
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = 'gatepost')
\gexec

\connect gatepost

-- Checked before anything in it is changed: a schema of this name may belong to someone else.
DO $$
DECLARE
    owner TEXT;
    objects BIGINT;
BEGIN
    SELECT role.rolname,
        (SELECT count(*) FROM pg_catalog.pg_class WHERE relnamespace = schema.oid)
            + (SELECT count(*) FROM pg_catalog.pg_proc WHERE pronamespace = schema.oid)
            + (SELECT count(*) FROM pg_catalog.pg_type WHERE typnamespace = schema.oid)
    INTO owner, objects
    FROM pg_catalog.pg_namespace AS schema
    JOIN pg_catalog.pg_roles AS role ON role.oid = schema.nspowner
    WHERE schema.nspname = 'gatepost';
    IF owner <> 'gatepost_owner' AND objects > 0 THEN
        RAISE EXCEPTION 'the schema gatepost in the database gatepost belongs to the role %, and is not '
            'empty: rename or drop it', owner;
    ELSIF owner <> 'gatepost_owner' THEN
        ALTER SCHEMA gatepost OWNER TO gatepost_owner;
        RAISE WARNING 'the schema gatepost belonged to the role %, and belongs to gatepost_owner now', owner;
    END IF;
    SELECT role.rolname INTO owner
    FROM pg_catalog.pg_database AS base
    JOIN pg_catalog.pg_roles AS role ON role.oid = base.datdba
    WHERE base.datname = 'gatepost';
    IF owner <> 'gatepost_owner' THEN
        -- It belonged to a superuser, who loses nothing by this.
        ALTER DATABASE gatepost OWNER TO gatepost_owner;
        RAISE WARNING 'the database gatepost belonged to the role %, and belongs to gatepost_owner now', owner;
    END IF;
END
$$;

REVOKE ALL ON DATABASE gatepost FROM PUBLIC;
GRANT CONNECT ON DATABASE gatepost TO gatepost_app, gatepost_owner;

DO $$
BEGIN
    -- Up to version 14 of PostgreSQL the schema public is the superuser's.
    IF pg_catalog.pg_has_role(current_user, (
        SELECT nspowner FROM pg_catalog.pg_namespace WHERE nspname = 'public'), 'USAGE')
    THEN
        REVOKE ALL ON SCHEMA public FROM PUBLIC;
    ELSIF pg_catalog.has_schema_privilege('gatepost_app', 'public', 'CREATE') THEN
        RAISE WARNING 'gatepost_app may make tables in the schema public, which is not %''s: have a superuser '
            'type REVOKE CREATE ON SCHEMA public FROM PUBLIC in the database gatepost', current_user;
    END IF;
END
$$;

CREATE SCHEMA IF NOT EXISTS gatepost AUTHORIZATION gatepost_owner;
GRANT USAGE ON SCHEMA gatepost TO gatepost_app;
