//! Gatepost: users, passwords and JWTs over a small REST API, on PostgreSQL.
//!
//! The program `gatepost` is built on this library, and yours can be too.
//!
//! # Start a service
//!
//! Build a [`Config`], start a [`Service`], stop it. It answers the whole HTTP API.
//!
//! ```no_run
//! use gatepost::{Config, Profile, Service};
//!
//! let mut config = Config::new(Profile::Development);
//! config.server.listen = "127.0.0.1:0".parse()?;
//! let service = Service::start(config)?;
//! println!("listening on http://{}", service.addr());
//! service.stop();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Embed the operations
//!
//! Or open an [`App`] and call the operations without any listener. Each is a function in the module
//! of its subject, and takes the app first:
//!
//! ```no_run
//! use gatepost::domain::Login;
//! use gatepost::passwords::Password;
//! use gatepost::{App, Caller, Config, Profile, sessions, users};
//!
//! let app = App::open(Config::new(Profile::Development))?;
//! let login = Login::parse("alice")?;
//! let password = Password::parse("correct horse battery")?;
//! let user = users::register(&app, &Caller::Trusted, &login, &password)?;
//! let token = sessions::log_in(&app, &login, &password)?.access_token;
//!
//! let alice = Caller::bearer(&app, &token)?;
//! assert_eq!(users::show(&app, &alice, user.id)?, user);
//! # Ok::<(), gatepost::Error>(())
//! ```
//!
//! | module | operations |
//! |---|---|
//! | [`users`] | register, find, show, list, change and delete users |
//! | [`sessions`] | log in, refresh, log out, list and end sessions |
//! | [`recovery`] | get back into an account, prove an address, invite a user |
//! | [`factors`] | add, list and remove second factors |
//! | [`introspection`] | introspect a token, revoke it |
//! | [`revocations`] | list what was revoked, for services that verify tokens by themselves |
//! | [`api_keys`] | create, list and revoke the keys of other programs |
//! | [`signing_keys`] | list, rotate and replace the keys that sign tokens |
//! | [`outbox`] | pull messages and events, see what mail says |
//! | [`audit`] | read, verify and prune the audit log |
//! | [`transfer`] | import users with their hashes, and export them |
//! | [`passwords`] | build a list of breached passwords |
//! | [`doctor`] | look an installation over |
//! | [`gate`] | say who may use the programs behind a reverse proxy |
//! | [`backup`] | back up the private PostgreSQL, and restore it |
//! | [`database`], [`restore`] | set the database up, migrate and upgrade it, repair it after a restore |
//!
//! The [`Caller`] says on whose behalf an operation is done. [`Caller::Trusted`] may do everything:
//! use it where your program has checked the right itself. [`Caller::bearer`] takes an access token
//! or an API key, and the operation checks what its bearer may do.
//!
//! Values from outside are parsed once: [`Login::parse`](domain::Login::parse),
//! [`Password::parse`](passwords::Password::parse), [`UserId::parse`](domain::UserId::parse).
//!
//! Operations that guard against guessing count failures of the login only, unless they know the
//! client's address. Call them inside [`for_client`] to provide it.
//!
//! # Threads
//!
//! Everything blocks. There is no async runtime but the driver's, inside of each connection to the
//! database, and nothing may be called on the thread of one.
//! [`App`] and [`Service`] are `Send` and `Sync`: share one between threads. An app starts the threads
//! that hash and opens the pool's connections; a service adds its workers, the front door's thread and
//! a few for upkeep. Dropping either ends its threads, and stops the private PostgreSQL if it started it.
//!
//! A password hash takes some 100 ms of one core in an optimised build, and many times that in a
//! debug build. Optimise dependencies there:
//!
//! ```toml
//! [profile.dev.package."*"]
//! opt-level = 2
//! ```
//!
//! # Errors
//!
//! Every operation returns a [`Result`] with the one [`Error`]. A variant says what went wrong in the
//! words of the domain, and its documentation says when it occurs. Some mean that the same call
//! may succeed later: [`Error::Unavailable`], [`Error::Overloaded`], [`Error::TooManyAttempts`]. After
//! [`Error::ConnectionLost`] it may not be known whether a change was made. The texts of
//! [`Error::Unavailable`] and [`Error::Internal`] are for your log and not for clients: they may name
//! hosts and SQL. They hold the text of the causes too. An error has no
//! [`source`](std::error::Error::source), since what PostgreSQL says in detail repeats values of rows,
//! such as logins.
//!
//! The library writes to the facade of the `log` crate and to nothing else. The record of a request
//! carries its parts as key-values too: `request_id`, `method`, `path`, `status`, `ms`, `client`, and
//! `trace_id` where the client sent a `traceparent`. Texts in errors may hold input from outside;
//! [`printable`] makes them safe for a terminal.
//!
//! # Features
//!
//! `tls`, on by default, is HTTPS on the service's own listeners. Without it, put a proxy in front.
//! `pages`, on by default, are pages for people, and the gate for reverse proxies.
//! `mail`, on by default, lets messages leave by SMTP or a webhook. Without it they are pulled.
//!
//! # What it is not
//!
//! Gatepost does not sign people in through accounts elsewhere, and sends no text messages and no
//! magic links. It knows nothing of LDAP, SAML and SCIM. It has no tenants and no policy language, and
//! no database but PostgreSQL. It is not an async library.
//!
//! # Compatibility
//!
//! Errors, settings and results may gain fields or variants, and are `#[non_exhaustive]`. Enums that
//! name the choices of a setting or the state of a key are not: a new one is a breaking change. Make a
//! [`Config`] with [`Config::new`] and a [`Change`](users::Change) with `default()`, then set their
//! fields.

#![warn(missing_debug_implementations)]

// The layers, from the top down. A module imports only what stands on a lower line than itself;
// those on one line do not know each other. A test, `imports_go_down_only`, reads this list.
//
//   internals, selftest
//   doctor
//   service
//   monitoring
//   routes
//   backup
//   restore
//   pages
//   gate
//   grants, recovery
//   api_keys, introspection, openapi, ops, revocations, signing_keys, transfer, users
//   sessions
//   factors
//   outbox
//   proofs
//   audit, browser
//   access, limits
//   app
//   database, health, http
//   db, front_door, mail, passwords, tokens, webauthn
//   room
//   config
//   domain, metrics, threads
//   activity, by_name, child, client, control_group, error, in_flight, lines, modes, moment, pem_file, plain_file, printable, secret, server_certificate, shares, sorter
//
// Each of the slices, from `restore` to `factors`, is `api` (HTTP), operations, `store` (SQL).

mod access;
mod activity;
pub mod api_keys;
mod app;
pub mod audit;
pub mod backup;
#[cfg(feature = "pages")]
mod browser;
mod by_name;
mod child;
mod client;
pub mod config;
mod control_group;
pub mod database;
mod db;
pub mod doctor;
pub mod domain;
mod error;
pub mod factors;
#[cfg_attr(
    not(feature = "internals"),
    expect(unreachable_pub, dead_code, unused_imports, reason = "the tests see more of the door")
)]
mod front_door;
#[cfg(feature = "pages")]
pub mod gate;
mod grants;
pub mod health;
mod http;
mod in_flight;
#[cfg(feature = "internals")]
pub mod internals;
pub mod introspection;
mod limits;
mod lines;
mod mail;
mod metrics;
mod modes;
mod moment;
mod monitoring;
mod openapi;
mod ops;
pub mod outbox;
#[cfg(feature = "pages")]
mod pages;
pub mod passwords;
#[cfg(feature = "tls")]
mod pem_file;
mod plain_file;
pub mod printable;
mod proofs;
pub mod recovery;
pub mod restore;
pub mod revocations;
mod room;
mod routes;
pub mod secret;
pub mod selftest;
#[cfg(feature = "tls")]
mod server_certificate;
pub mod service;
pub mod sessions;
mod shares;
pub mod signing_keys;
mod sorter;
mod threads;
pub mod tokens;
pub mod transfer;
pub mod users;
mod webauthn;

pub use access::Caller;
pub use app::App;
pub use client::for_client;
pub use config::{Config, Profile};
pub use error::{Error, Result};
pub use service::Service;
