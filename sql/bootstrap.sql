-- What a PostgreSQL superuser makes once for Gatepost: two roles, a database, a schema. Running it
-- again changes nothing. `gatepost database create` runs this file and sets the roles' passwords;
-- so does, without passwords,
--
--     psql -v ON_ERROR_STOP=1 -d postgres -f sql/bootstrap.sql
--
-- Lines that begin with a backslash are psql's; Gatepost understands the three used here.

SET password_encryption = 'scram-sha-256';

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'gatepost_owner') THEN
        CREATE ROLE gatepost_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'gatepost_app') THEN
        CREATE ROLE gatepost_app LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION;
    END IF;
END
$$;

-- On the service's role alone: migrations of the owner may take longer.
ALTER ROLE gatepost_app SET statement_timeout = '5s';
ALTER ROLE gatepost_app SET lock_timeout = '2s';
ALTER ROLE gatepost_app SET idle_in_transaction_session_timeout = '10s';

\echo the database

SELECT 'CREATE DATABASE gatepost OWNER gatepost_owner ENCODING ''UTF8'' TEMPLATE template0'
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = 'gatepost')
\gexec

\connect gatepost

REVOKE ALL ON DATABASE gatepost FROM PUBLIC;
GRANT CONNECT ON DATABASE gatepost TO gatepost_app;

REVOKE ALL ON SCHEMA public FROM PUBLIC;

CREATE SCHEMA IF NOT EXISTS gatepost AUTHORIZATION gatepost_owner;
GRANT USAGE ON SCHEMA gatepost TO gatepost_app;
