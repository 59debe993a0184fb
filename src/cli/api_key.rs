//! `gatepost api-key …`: works beside a running service, and without one.

use super::output::{print_line, tell};
use super::records::{Form, Records, print_json};
use super::{Context, Failure, Outcome};
use clap::Subcommand;
use gatepost::api_keys::{self, ApiKey, ApiKeyName, ApiKeyRef, Scopes};
use gatepost::domain::Timestamp;
use gatepost::{App, Caller};
use serde::Serialize;
use std::fmt::Display;

/// Create, list and revoke API keys, for programs
///
/// An API key is for a program, which sends it as `Authorization: Bearer KEY`. These commands work
/// with and without a running service, on the private PostgreSQL too. A key is listed as id, name,
/// scopes, and the times of its creation, last use and revocation. The last use may lag by a
/// minute; `-` means never.
#[derive(Subcommand)]
pub(super) enum Command {
    /// Create a key and print it, this once
    Create {
        /// Tells which program has the key; a letter, then letters, digits, dots, hyphens and
        /// underscores
        name: String,
        /// What the key allows, separated by commas: users:read (read users and their sessions),
        /// users:write (change and delete users who are not admins, and end their sessions),
        /// register (register users, also with access.registration = "admin"), introspect
        /// (introspect tokens), outbox (take messages and events), invite (invite users)
        #[arg(long, value_name = "SCOPE[,SCOPE…]")]
        scope: String,
        #[command(flatten)]
        form: Form,
    },
    /// List the keys
    List {
        #[command(flatten)]
        form: Form,
    },
    /// Revoke a key at once
    Revoke {
        /// The key's name or id
        #[arg(value_name = "NAME|ID")]
        key: String,
        #[command(flatten)]
        form: Form,
    },
}

/// A new key, with the key itself.
#[derive(Serialize)]
struct WithKey<'a> {
    #[serde(flatten)]
    about: &'a ApiKey,
    key: &'a str,
}

pub(super) fn command(context: &Context, command: &Command) -> Outcome {
    let open = || Ok::<App, Failure>(App::open(context.load()?)?);
    match command {
        Command::Create { name, scope, form } => {
            let name = ApiKeyName::parse(name)?;
            let scopes = Scopes::parse(scope)?;
            let (key, secret) = api_keys::create(&open()?, &Caller::Trusted, &name, &scopes)?;
            if form.is_json() {
                return print_json(&WithKey { about: &key, key: secret.expose() });
            }
            tell(&format!(
                "API key {} ({}); store it safely, it is not shown again:",
                key.id, key.scopes
            ));
            print_line(secret.expose())
        }
        Command::List { form } => list(&api_keys::list(&open()?, &Caller::Trusted)?, form),
        Command::Revoke { key, form } => {
            let which = ApiKeyRef::parse(key)?;
            list(&[api_keys::revoke(&open()?, &Caller::Trusted, &which)?], form)
        }
    }
}

/// Prints these keys.
pub(super) fn list(keys: &[ApiKey], form: &Form) -> Outcome {
    let heading = &["ID", "NAME", "SCOPES", "CREATED", "LAST USED", "REVOKED"];
    let mut records = Records::new(form, heading);
    for key in keys {
        let used = when(key.last_used_at);
        let revoked = when(key.revoked_at);
        let columns: [&dyn Display; 6] =
            [&key.id, &key.name, &key.scopes, &key.created_at, &used, &revoked];
        records.push(&columns, || key)?;
    }
    records.print()
}

fn when(time: Option<Timestamp>) -> String {
    time.map_or_else(|| "-".to_owned(), |time| time.to_string())
}
