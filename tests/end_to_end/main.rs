//! End-to-end tests: a real service on a free port, a real PostgreSQL, a real client.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod access;
mod accounts;
mod api_keys;
mod audit;
mod authorization;
mod bad_input;
mod commands;
mod contract;
mod database;
mod documents;
mod embedding;
mod front_door;
mod imports;
mod inputs;
mod introspection;
mod limits;
mod listing;
mod logins;
mod passwords;
mod pgbouncer;
mod private;
mod revocations;
mod selftest;
mod sessions;
mod support;
mod terminal;
mod times;
mod transfer;
