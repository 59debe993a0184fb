//! End-to-end tests: a real service on a free port, a real PostgreSQL, a real client.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod access;
mod accounts;
mod answers;
mod api_keys;
mod audit;
mod authorization;
mod bad_input;
mod check_config;
mod commands;
mod contract;
mod data_directory;
mod database;
mod documents;
mod embedding;
mod front_door;
mod frozen_forms;
mod history;
mod imports;
mod inputs;
mod introspection;
mod keys;
mod lanes;
mod last_admin;
mod limits;
mod listing;
mod logins;
mod open_mode;
mod passwords;
mod pgbouncer;
mod printing;
mod private;
mod restore;
mod revocations;
mod secrecy;
mod selftest;
mod sessions;
mod set_up;
mod sources;
mod starting;
mod support;
mod surviving;
mod terminal;
mod times;
mod transfer;
