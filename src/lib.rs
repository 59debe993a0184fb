//! Gatepost: users, passwords and JWTs over a small REST API, on PostgreSQL.
//!
//! The program `gatepost` is made of this library, and so can yours be: build a [`Config`], start
//! a [`Service`], stop it. Or open an [`App`] and call the operations without any listener:
//! [`register`], [`log_in`], [`refresh`], [`log_out`], [`show`], [`list`], [`change`],
//! [`delete`].
//!
//! ```no_run
//! use gatepost::{App, Caller, Config, Login, Password, Profile};
//!
//! let app = App::open(Config::new(Profile::Development))?;
//! let (login, password) = (Login::parse("alice")?, Password::parse("correct horse battery")?);
//! let user = gatepost::register(&app, &Caller::Trusted, &login, &password)?;
//! let token = gatepost::log_in(&app, &login, &password)?.access_token;
//! # Ok::<(), gatepost::Error>(())
//! ```
//!
//! Inside, from the top down, each importing only what stands below it: `selftest` (a service that
//! measures itself), `service` (what starts and in what order), `routes` (the API on one screen), the
//! slices `users`, `sessions`, `introspection`, `revocations`, `keys`, `api_keys`, `limits`, `audit`
//! and `ops` (each `api`, operations, `store`), `transfer` (users coming and going), `restore` (what a
//! database that was set back needs), `app` (what
//! they share), `http` (workers, requests, responses), `front_door` (the event loop that faces the
//! clients), `db` (pool, transactions, migrations, the private PostgreSQL), `passwords`, `tokens`,
//! and `config`, `activity`, `client`, `shares`, `error`, `secret`, `printable`, `moment`, `by_name`,
//! `lines`, `sorter`, `threads`, `child`, `plain_file`, `modes`, `room`.

#![warn(missing_debug_implementations)]

mod activity;
mod api_keys;
mod app;
pub mod audit;
mod by_name;
mod child;
mod client;
pub mod config;
pub mod database;
mod db;
mod error;
#[cfg_attr(
    not(feature = "internals"),
    expect(unreachable_pub, dead_code, unused_imports, reason = "the tests see more of the door")
)]
mod front_door;
mod http;
#[cfg(feature = "internals")]
pub mod internals;
mod introspection;
mod keys;
mod limits;
mod lines;
mod modes;
mod moment;
mod ops;
mod passwords;
mod plain_file;
mod printable;
mod restore;
mod revocations;
mod room;
mod routes;
mod secret;
pub mod selftest;
mod service;
mod sessions;
mod shares;
mod sorter;
mod threads;
mod tokens;
pub mod transfer;
mod users;

pub use api_keys::{
    ApiKey, KeyName, KeyRef, PresentedKey, Scope, Scopes, create_api_key, list_api_keys,
    revoke_api_key,
};
pub use app::App;
pub use audit::Head;
pub use client::for_client;
pub use config::{Config, Profile};
pub use error::{Error, Result};
pub use front_door::Address;
pub use introspection::{Introspection, introspect, revoke_token};
pub use keys::{
    KeyState, PrivateHalf, SigningKey, list_keys, reencrypt_keys, replace_keys, rotate_keys,
};
pub use passwords::{Built, Password, build_breach_list};
pub use printable::{printable, printable_lines};
pub use restore::after_restore;
pub use revocations::{Cursor, Entry, List, Still, revocations};
pub use secret::Secret;
pub use service::Service;
pub use sessions::{
    Device, LoggedIn, Session, SessionId, end_session, list_sessions, log_in, log_in_from, log_out,
    refresh, sweep_sessions,
};
pub use tokens::{Claims, NotASession, SessionRef};
pub use users::{
    Caller, Change, Login, Page, Timestamp, User, UserId, change, change_password, delete, find,
    list, register, register_admin, set_admin, show,
};
